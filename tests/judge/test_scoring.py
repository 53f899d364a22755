"""Verdicts become fractions, each with how far it may be off."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from robust_digits.judge import scoring

# Right, of how many, half the width of Wilson's 95% interval by hand: with z = 1.959964 and p the share,
# z / (1 + z^2/n) * sqrt(p (1 - p) / n + z^2 / 4n^2).
WILSON = [
    (0, 1, 0.3967),  # z^2 / 2(1 + z^2)
    (1, 1, 0.3967),
    (1, 2, 0.4055),
    (0, 10, 0.1388),
    (10, 10, 0.1388),
    (5, 10, 0.2634),
    (9, 10, 0.1931),
    (90, 100, 0.0596),
    (0, 359, 0.0053),
    (8840, 10_000, 0.0063),
]


def verdicts(right: int, count: int) -> NDArray[np.bool_]:
    """Return `count` verdicts, the first `right` of them right."""
    return np.arange(count) < right


@pytest.mark.parametrize(("right", "count", "half"), WILSON)
def test_margin_is_wilsons(right: int, count: int, half: float) -> None:
    """The margin is half the width of Wilson's interval, also where nothing or everything is right."""
    assert scoring.margin(verdicts(right, count)) == pytest.approx(half, abs=1e-9)


@given(st.integers(1, 500).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_margin_is_the_formula(case: tuple[int, int]) -> None:
    """The margin is the formula's for any counts, never zero, and the same for as many wrong as right."""
    right, count = case
    z, share = 1.959963984540054, right / count
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    measured = scoring.margin(verdicts(right, count))
    assert measured == pytest.approx(half, abs=0.51e-4)
    assert 0 < measured <= 0.5
    assert measured == scoring.margin(verdicts(count - right, count))


def test_more_images_say_more() -> None:
    """The same share of more images has a smaller margin."""
    margins = [scoring.margin(verdicts(count // 2, count)) for count in (10, 100, 1000)]
    assert margins == sorted(margins, reverse=True)


def test_the_order_does_not_matter() -> None:
    """Accuracy and margin are the same whichever images are right."""
    few, turned = verdicts(3, 10), verdicts(3, 10)[::-1]
    assert scoring.accuracy(few) == scoring.accuracy(turned) == 0.3
    assert scoring.margin(few) == scoring.margin(turned)


@pytest.mark.parametrize(
    ("right", "count", "share"),
    [(0, 7, 0.0), (7, 7, 1.0), (1, 3, 0.3333), (2, 3, 0.6667), (9999, 10_000, 0.9999), (99_999, 100_000, 1.0)],
)
def test_accuracy_is_rounded(right: int, count: int, share: float) -> None:
    """Accuracy is a plain float of four decimals: one image in ten thousand still shows."""
    measured = scoring.accuracy(verdicts(right, count))
    assert measured == share
    assert type(measured) is float


def test_no_images_have_no_margin() -> None:
    """Of no images at all there is no interval."""
    with pytest.raises(ValueError, match="n must be an integer not less than 1"):
        scoring.margin(verdicts(0, 0))


def test_metrics_name_every_view_twice() -> None:
    """The metrics hold how many images there are, and accuracy and margin of each view, in the order of the views."""
    views = {"clean": verdicts(9, 10), "deepfool": verdicts(1, 2), "worst_case": verdicts(0, 10)}
    found = scoring.metrics(views, certified=None, uncertified="no bounds")
    assert found == {
        "images": 10,
        "accuracy": {"clean": 0.9, "deepfool": 0.5, "worst_case": 0.0},
        "margin": {"clean": 0.1931, "deepfool": 0.4055, "worst_case": 0.1388},
        "certified": {"accuracy": None, "reason": "no bounds"},
    }
    assert [list(found[group]) for group in ("accuracy", "margin")] == [list(views)] * 2


@pytest.mark.parametrize(("right", "share", "half"), [(0, 0.0, 0.1388), (9, 0.9, 0.1931), (10, 1.0, 0.1388)])
def test_what_is_certified_has_its_interval(right: int, share: float, half: float) -> None:
    """The share that is certified is a number like any other, none included, and no view."""
    found = scoring.metrics({"clean": verdicts(10, 10)}, certified=verdicts(right, 10), uncertified=None)
    assert found["certified"] == {"accuracy": share, "margin": half}
    assert list(found["accuracy"]) == ["clean"]


def test_accuracy_within_each_class() -> None:
    """Each class that occurs is counted by itself, in order."""
    labels = np.array([7, 0, 7, 0, 2, 7])
    right = np.array([True, False, True, True, False, False])
    assert scoring.per_class(right, labels) == {0: 0.5, 2: 0.0, 7: 0.6667}
    assert list(scoring.per_class(right, labels)) == [0, 2, 7]
