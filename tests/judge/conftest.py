"""What the tests of evaluations share: a working one, and a linear model with closed forms."""

import pytest
from support.evaluations import crafted, dense, judged, under
from support.mislabelled import attacks_on, mislabelled

from robust_digits.attack.suite import Suite
from robust_digits.data.images import ImageSet
from robust_digits.judge.evidence import Evidence


@pytest.fixture(scope="session")
def suite(tensorflow: None) -> Suite:  # noqa: ARG001 (which is to have started)
    """Return working attacks on the undefended model, compiled once."""
    return under(dense())


@pytest.fixture(scope="session")
def transfer(suite: Suite) -> ImageSet:
    """Return the set crafted against the undefended model."""
    return crafted(suite)


@pytest.fixture(scope="session")
def healthy(suite: Suite, transfer: ImageSet) -> Evidence:
    """Return the evidence of an evaluation in which all is well."""
    return judged(suite, transfer)


@pytest.fixture(scope="session")
def linear(tensorflow: None) -> Suite:  # noqa: ARG001 (which is to have started)
    """Return the attacks on the linear model, compiled once."""
    return attacks_on()


@pytest.fixture(scope="session")
def digits() -> ImageSet:
    """Return its test images, the first two of which it gets wrong."""
    return mislabelled()
