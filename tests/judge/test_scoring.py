"""Verdicts become fractions, each with how it was made and how far it may be off."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.fabricated import bare

from robust_digits.judge import scoring
from robust_digits.judge.evidence import Evidence, Made
from robust_digits.judge.views import CERTIFIED, CLEAN, FGM_WHITE_BOX, WORST_CASE

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


def width(right: int, count: int) -> float:
    """Return half the width of the interval of an accuracy."""
    low, high = scoring.interval(right, count)
    return (high - low) / 2


@pytest.mark.parametrize(("right", "count", "half"), WILSON)
def test_the_interval_is_wilsons(right: int, count: int, half: float) -> None:
    """The interval is as wide as Wilson's, also where nothing or everything is right."""
    assert width(right, count) == pytest.approx(half, abs=0.51e-4)


@given(st.integers(1, 500).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_the_interval_is_the_formula(case: tuple[int, int]) -> None:
    """Its width is the formula's for any counts, never zero, the same for as many wrong as right; it holds it."""
    right, count = case
    z, share = 1.959963984540054, right / count
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    assert width(right, count) == pytest.approx(half, abs=1e-9)
    assert 0 < half <= 0.5
    assert width(count - right, count) == pytest.approx(half, abs=1e-9)
    low, high = scoring.interval(right, count)
    assert low - 1e-9 <= share <= high + 1e-9


def test_more_images_say_more() -> None:
    """The same share of more images has a narrower interval."""
    widths = [width(count // 2, count) for count in (10, 100, 1000)]
    assert widths == sorted(widths, reverse=True)


def test_the_order_does_not_matter() -> None:
    """Accuracy is the same whichever images are right."""
    few, turned = verdicts(3, 10), verdicts(3, 10)[::-1]
    assert scoring.accuracy(few) == scoring.accuracy(turned) == 0.3


@pytest.mark.parametrize(
    ("right", "count", "share"),
    [(0, 7, 0.0), (7, 7, 1.0), (1, 3, 0.3333), (2, 3, 0.6667), (9999, 10_000, 0.9999), (99_999, 100_000, 1.0)],
)
def test_accuracy_is_rounded(right: int, count: int, share: float) -> None:
    """Accuracy is a plain float of four decimals: one image in ten thousand still shows."""
    measured = scoring.accuracy(verdicts(right, count))
    assert measured == share
    assert type(measured) is float


def test_no_images_have_no_interval() -> None:
    """Of no images at all there is no interval."""
    with pytest.raises(ValueError, match="n must be an integer not less than 1"):
        scoring.interval(0, 0)


def judged(right: int, *, certified: int | None = None) -> Evidence:
    """Return evidence on ten images: nine right clean, so many under PGD, and one of two under DeepFool."""
    labels = np.zeros(10, np.int64)
    fell = {CLEAN: ~verdicts(9, 10), "pgd": ~verdicts(right, 10), "deepfool": ~verdicts(1, 2)}
    found = bare({view: each.astype(np.int64) for view, each in fell.items()}, labels)
    made = {
        **found.made,
        "pgd": Made("inf", 0.2, {"steps": 40}),
        WORST_CASE: Made("inf", 0.2, {"attacks": ["pgd", "deepfool"]}),
        CERTIFIED: Made("inf", 0.2, {"reason": "no bounds"} if certified is None else {}),
    }
    return replace(found, made=made, certified=None if certified is None else verdicts(certified, 10))


def test_metrics_are_shares_and_nothing_else() -> None:
    """The metrics hold the accuracy of each view, in order, and that there is no proof; no counts, no intervals."""
    found = scoring.metrics(judged(5))
    assert found == {
        "accuracy": {"clean": 0.9, "pgd": 0.5, "deepfool": 0.5, "worst_case": 0.4},
        "certified": {"accuracy": None, "open": None},
    }
    assert list(found["accuracy"]) == ["clean", "pgd", "deepfool", "worst_case"]


@pytest.mark.parametrize(("certified", "shares"), [(0, [0.0, 0.4]), (3, [0.3, 0.2]), (10, [1.0, 0.0])])
def test_what_is_certified_is_a_figure(certified: int, shares: list[float]) -> None:
    """The share that is certified is a number like any other, none included, and no view; beside it what is open.

    Open are those of the four images that stand in the worst case, two of the first three, that are not certified.
    """
    found = scoring.metrics(judged(5, certified=certified))
    assert found["certified"] == dict(zip(("accuracy", "open"), shares, strict=True))
    assert "certified" not in found["accuracy"]


def test_details_say_how_each_figure_was_made() -> None:
    """Each figure has its number of images, norm, eps, settings and Wilson's interval; the clean one has no attack."""
    found = scoring.details(judged(5, certified=3))
    assert list(found) == [
        *(f"accuracy.{view}" for view in judged(5).verdicts()),
        "certified.accuracy",
        "certified.open",
    ]
    assert found["accuracy.pgd"] == {
        "images": 10,
        "norm": "inf",
        "eps": 0.2,
        "settings": {"steps": 40},
        "interval": [0.2366, 0.7634],
    }
    assert found["accuracy.clean"] | {"interval": None} == {
        "images": 10,
        "norm": None,
        "eps": 0.0,
        "settings": {},
        "interval": None,
    }
    assert found["accuracy.deepfool"]["images"] == 2
    assert found["accuracy.worst_case"]["settings"] == {"attacks": ["pgd", "deepfool"]}
    assert found["certified.accuracy"]["interval"] == [0.1078, 0.6032]
    assert found["certified.open"]["interval"] == [0.0567, 0.5098]


def test_details_say_why_nothing_is_proven() -> None:
    """Where nothing can be proven there is no interval, but the reason."""
    found = scoring.details(judged(5))["certified.accuracy"]
    assert found == {"images": 10, "norm": "inf", "eps": 0.2, "settings": {"reason": "no bounds"}, "interval": None}


def test_verdicts_are_a_row_an_image() -> None:
    """Each test image has a row: label, 1 or 0 for each view, and nothing where an attack did not see it."""
    predictions = {
        CLEAN: np.array([4, 7, 2]),
        FGM_WHITE_BOX: np.array([4, 1, 2]),
        "pgd": np.array([4, 0, 1]),
        "deepfool": np.array([4]),
    }
    rows = list(scoring.verdicts(bare(predictions, np.array([4, 7, 1]))))
    assert list(rows[0]) == ["index", "label", "clean", "fgm_white_box", "pgd", "deepfool", "worst_case"]
    assert [tuple(row.values()) for row in rows] == [
        (0, 4, 1, 1, 1, 1, 1),
        (1, 7, 1, 0, 0, "", 0),
        (2, 1, 0, 0, 1, "", 0),
    ]


def test_certified_is_the_last_column() -> None:
    """Where anything can be proven, the rows say of each image whether it is certified, after the worst case."""
    rows = list(scoring.verdicts(judged(5, certified=2)))
    assert list(rows[0])[-2:] == ["worst_case", "certified"]
    assert [row["certified"] for row in rows] == [1, 1] + [0] * 8


def test_accuracy_within_each_class() -> None:
    """Each class that occurs is counted by itself, in order."""
    labels = np.array([7, 0, 7, 0, 2, 7])
    right = np.array([True, False, True, True, False, False])
    assert scoring.per_class(right, labels) == {0: 0.5, 2: 0.0, 7: 0.6667}
    assert list(scoring.per_class(right, labels)) == [0, 2, 7]
