"""Chance is told from change by two tests whose values are known."""

import math
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from robust_digits.history.results import Share
from robust_digits.report.significance import mcnemar, two_proportions

counts = st.integers(1, 400).flatmap(lambda images: st.tuples(st.integers(0, images), st.just(images)))


@given(counts, counts)
def test_two_proportions_are_pearsons(one: tuple[int, int], other: tuple[int, int]) -> None:
    """The two-proportion test is Pearson's chi-squared of the table of right and wrong."""
    found = two_proportions(*(Share(right / images, images) for right, images in (one, other)))
    table = [[right, images - right] for right, images in (one, other)]
    if all(map(sum, zip(*table, strict=True))):
        assert math.isclose(found, chi2_contingency(table, correction=False).pvalue, abs_tol=1e-9)
    else:
        assert found == 1.0


def test_two_proportions_are_about_images() -> None:
    """The same drop is noise on a few images and none on many."""
    assert two_proportions(Share(0.7, 100), Share(0.65, 100)) > 0.05
    assert two_proportions(Share(0.7, 10_000), Share(0.65, 10_000)) < 0.001


@pytest.mark.parametrize(
    ("broke", "mended", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (5, 0, 2 / 2**5),
        (0, 6, 2 / 2**6),
        (1, 7, 2 * 9 / 2**8),
        (10, 10, 1.0),
        (14, 3, 0.01273),
    ],
)
def test_mcnemar_in_closed_form(broke: int, mended: int, p: float) -> None:
    """The p is that of as many tosses of a coin as images changed sides; with none, nothing is said."""
    assert mcnemar(broke, mended) == pytest.approx(p, abs=1e-4)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_tail(broke: int, mended: int) -> None:
    """Twice the smaller tail, at most 1, whichever side is the smaller one."""
    count, few = broke + mended, min(broke, mended)
    tail = sum(comb(count, each) for each in range(few + 1)) / 2**count
    assert mcnemar(broke, mended) == pytest.approx(min(1.0, 2 * tail), abs=1e-9)
    assert mcnemar(broke, mended) == mcnemar(mended, broke)


def test_the_same_images_say_more() -> None:
    """Fourteen images of 359 that broke while none was mended are no chance; for other images they could be."""
    assert mcnemar(14, 0) < 0.001
    assert two_proportions(Share(251 / 359, 359), Share(237 / 359, 359)) > 0.2
