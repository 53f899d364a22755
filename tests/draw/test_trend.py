"""The picture of a trend: a panel for each figure, its interval and floor, marks where it was measured otherwise."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from robust_digits.draw.trend import Moment, trend

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
