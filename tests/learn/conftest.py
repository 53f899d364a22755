"""What the tests of this room share."""

from collections.abc import Iterator

import pytest
from support.objectives import CLASSES, SIDE, noise

from robust_digits.data.images import ImageSet
from robust_digits.learn import networks, robust_validation
from robust_digits.runtime import keras, tf


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Return a network with fresh weights, without dropout: what it answers does not depend on whether it trains."""
    keras.utils.set_random_seed(0)
    return networks.build("strided", shape=(SIDE, SIDE, 1), classes=CLASSES)


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """Return images for the network."""
    return noise(12, side=SIDE)


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run few steps on few images without compiling, and attack them in one step, which on a linear model is enough."""
    monkeypatch.setattr(robust_validation, "STEPS", 1)
    tf.config.run_functions_eagerly(True)  # noqa: FBT003 (the name says it)
    yield
    tf.config.run_functions_eagerly(False)  # noqa: FBT003
