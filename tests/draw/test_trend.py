"""The picture of a trend: a panel for each figure, its interval and floor, marks where it was measured otherwise."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.figure import Figure
from support.pictures import assert_picture

from robust_digits.draw.trend import Moment, trend
from robust_digits.judge import scoring

CLEAN, WORST = "hardened.accuracy.clean", "hardened.accuracy.worst_case"
FLOORS = {CLEAN: 0.9, WORST: None}
MOMENTS = [
    Moment("2026-11-20 aaaaaaa", {CLEAN: (0.95, 200)}, code=False, params=False),
    Moment("2026-11-21 bbbbbbb", {CLEAN: (0.95, 200), WORST: (0.6, 200)}, code=True, params=False),
    Moment("2026-11-22 ccccccc", {CLEAN: (0.93, 200), WORST: (0.55, 200)}, code=False, params=True),
]


def levels(axes: Axes, style: str, *, axis: int) -> list[float]:
    """Return where the straight lines of a style stand that go along the other axis."""
    found = [np.asarray(line.get_xydata())[:, axis] for line in axes.lines if line.get_linestyle() == style]
    return [float(each[0]) for each in found if len(each) > 1 and np.ptp(each) == 0]


def test_a_panel_for_each_figure(figures: list[Figure], tmp_path: Path) -> None:
    """Each line is in percent over the moments, with a gap where nothing was measured; the floor lies below it."""
    trend(tmp_path / "trend.png", MOMENTS, FLOORS)
    clean, worst = figures[0].axes
    assert [axes.get_title(loc="left") for axes in (clean, worst)] == [CLEAN, WORST]
    np.testing.assert_allclose(np.asarray(clean.lines[0].get_ydata(), float), [95, 95, 93])
    np.testing.assert_allclose(np.asarray(worst.lines[0].get_ydata(), float), [np.nan, 60, 55])
    assert [levels(axes, "--", axis=1) for axes in (clean, worst)] == [[90.0], []]
    assert [label.get_text() for label in worst.get_xticklabels()] == [each.label for each in MOMENTS]


def test_a_value_is_told_where_it_moved(figures: list[Figure], tmp_path: Path) -> None:
    """The first value and every other one are written beside their points."""
    trend(tmp_path / "trend.png", MOMENTS, FLOORS)
    told = [[text.get_text() for text in axes.texts] for axes in figures[0].axes]
    assert told == [["95.0", "93.0"], ["60.0", "55.0"]]


def test_the_band_is_the_interval(figures: list[Figure], tmp_path: Path) -> None:
    """Around each point the band ends where Wilson's interval does."""
    trend(tmp_path / "trend.png", MOMENTS, FLOORS)
    (band,) = (each for each in figures[0].axes[0].collections if isinstance(each, FillBetweenPolyCollection))
    ends = {y for x, y in np.asarray(band.get_paths()[0].vertices).tolist() if x == 0}
    assert ends >= {100 * end for end in scoring.interval(190, 200)}


def test_what_was_measured_otherwise_is_marked(figures: list[Figure], tmp_path: Path) -> None:
    """Other code makes a point hollow, other parameters a line across every panel; the legend says so."""
    trend(tmp_path / "trend.png", MOMENTS, FLOORS)
    for axes in figures[0].axes:
        points = [line for line in axes.lines if line.get_marker() == "o"]
        assert [line.get_markerfacecolor() == "white" for line in points] == [False, True, False]
        assert levels(axes, "-", axis=0) == [2.0]
    said = [text.get_text() for text in figures[0].legends[0].get_texts()]
    assert "measured by other code than before" in said
    assert "measured under other parameters than before" in said


@pytest.mark.parametrize("count", [1, 3, 40])
def test_however_many_moments_become_a_picture(count: int, tmp_path: Path) -> None:
    """One commit or many are drawn, the same bytes each time."""
    for name in ("first", "second"):
        trend(tmp_path / f"{name}.png", (MOMENTS * 14)[:count], FLOORS)
    assert_picture(tmp_path / "first.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
