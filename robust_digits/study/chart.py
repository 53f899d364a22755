"""Draw what a parameter does to accuracy, clean and under attack."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from robust_digits.document import counts
from robust_digits.draw import parts
from robust_digits.draw.parts import COLOURS
from robust_digits.judge import scoring
from robust_digits.judge.views import CERTIFIED, CLEAN, label
from robust_digits.study.spec import Plan

Rows = Sequence[Mapping[str, Any]]

_STALE = "hollow: stale, of earlier code"
_WIDE = 4  # entries of the legend side by side
_LONG = 20  # letters of an entry, beyond which only two stand side by side
_SMALL = 15  # points between all ends of intervals, which a scale up to 100 would hide
_ROOM = 0.06  # of what is drawn, above and below it
_NAMES = {"seed"}  # numbers that are names: there is nothing between them
_PURPLE = "#6b4c9a"
_TRAINING, _LOSS = "training_accuracy", "test_loss"  # of the curves beside the metrics
_LINES = {
    **{view: (label(view), colour) for view, colour in COLOURS.items()},
    "fgm": ("FGM, the same eps for all", "#f2a541"),
    _TRAINING: ("clean, training images", "#8a94a0"),
}


def influence(path: Path, plan: Plan, rows: Rows) -> None:
    """Draw each metric of a study over the values of its parameter, with 95% intervals, and the curves it asks for.

    Values stand side by side in the order of the plan; a line joins them where they are quantities. Accuracy on clean
    images has an axis of its own where its differences are too small to be seen beside the others', a loss always.
    """
    values = [str(row["value"]).replace("_", " ") for row in rows]
    width = max(6.5, 1.1 * len(rows) + 1)  # inches
    slanted = sum(len(value) for value in values) > 60  # noqa: PLR2004 (letters side by side)
    panels = _panels(plan, rows)
    count = len(panels) + (_LOSS in plan.curves)
    figure = Figure(figsize=(width, (5 if slanted else 4) + 1.4 * (count - 1)), layout="constrained")
    grid = list(figure.subplots(count, sharex=True, squeeze=False)[:, 0])
    grid[0].set_title(fill(plan.title, int(9.5 * width), break_on_hyphens=False), fontsize=11)
    for axes, metrics in zip(grid, panels, strict=False):  # the last of the grid may be that of the loss
        _draw_shares(axes, plan, rows, metrics, apart=len(panels) > 1)
    if _LOSS in plan.curves:
        _draw_loss(grid[-1], plan, rows)
    for axes in grid:
        axes.grid(axis="y", color="#e4e7ea", lw=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    grid[-1].set_xticks(range(len(rows)), values, rotation=25 if slanted else 0, ha="right" if slanted else "center")
    grid[-1].set_xlabel(plan.called)
    _legend(figure, grid)
    parts.save(figure, path)


def _panels(plan: Plan, rows: Rows) -> list[list[str]]:
    """Return which metrics stand in which panel: what is clean by itself where it hardly moves and others do."""
    shown = _shown(plan)
    clean = [metric for metric in shown if metric.rpartition(".")[2] in {CLEAN, _TRAINING}]
    others = [metric for metric in shown if metric not in clean]
    if not (clean and others and any(row[metric] != "" for row in rows for metric in clean)):
        return [shown]
    low, high = _ends(rows, clean)
    return [clean, others] if high - low < _SMALL else [shown]


def _shown(plan: Plan) -> list[str]:
    """Return the shares that are drawn."""
    return [*plan.metrics, *(curve for curve in plan.curves if curve == _TRAINING)]


def _ends(rows: Rows, metrics: Sequence[str]) -> tuple[float, float]:
    """Return between which percents the intervals of metrics lie, with some room."""
    ends = []
    for metric in metrics:
        shares, off = _with_intervals([row for row in rows if row[metric] != ""], metric)
        ends += [*(shares - off[0]), *(shares + off[1])]
    if not ends:
        return -2, 102
    room = _ROOM * (max(ends) - min(ends))
    return max(min(ends) - room, -2), min(max(ends) + room, 102)


def _draw_shares(axes: Axes, plan: Plan, rows: Rows, metrics: Sequence[str], *, apart: bool) -> None:
    """Draw metrics into a panel, on a scale of its own where it stands apart from another one."""
    for metric in metrics:
        _draw(axes, plan, rows, metric)
    if any(row["stale"] for row in rows):
        axes.plot([], [], "o", color="grey", mfc="white", label=_STALE)
    axes.set_ylim(*_ends(rows, metrics) if apart else (-2, 102))
    models = {figure.partition(".")[0] for figure in plan.figures.values()}
    says = f"{plan.model}, right, %" if models == {plan.model} else "right, %"
    axes.set_ylabel(_alone(metrics[0], says) if apart and len(metrics) == 1 else says)


def _alone(metric: str, says: str) -> str:
    """Return what an axis says that is of one metric; the full name of a figure says of which model it is."""
    return f"{_name(metric)}, %" if "." in metric else f"{says}\n{_name(metric)}"


def _draw(axes: Axes, plan: Plan, rows: Rows, metric: str) -> None:
    shown = _shown(plan)
    place = shown.index(metric)
    measured = [(at, row) for at, row in enumerate(rows) if row[metric] != ""]
    shares, off = _with_intervals([row for _, row in measured], metric)
    beside = 0.06 * (place - (len(shown) - 1) / 2)  # so that intervals do not cover each other
    places = np.array([at for at, _ in measured]) + beside
    colour = _LINES[metric][1] if metric in _LINES else f"C{place}"
    axes.errorbar(places, shares, off, fmt=_style(plan), color=colour, ms=5, capsize=2, label=_name(metric))
    _hollow(axes, np.stack([places, shares]), [bool(row["stale"]) for _, row in measured], colour=colour)


def _draw_loss(axes: Axes, plan: Plan, rows: Rows) -> None:
    measured = [(at, row) for at, row in enumerate(rows) if row[_LOSS] != ""]
    points = np.reshape([(at, float(row[_LOSS])) for at, row in measured], (-1, 2)).T
    axes.plot(*points, _style(plan), color=_PURPLE, ms=5, label="cross-entropy, test images")
    _hollow(axes, points, [bool(row["stale"]) for _, row in measured], colour=_PURPLE)
    axes.set_ylabel(f"{plan.model}, clean\ncross-entropy, nats")


def _hollow(axes: Axes, points: Any, stale: Sequence[bool], *, colour: str) -> None:  # noqa: ANN401 (an array)
    """Make those of points (2, n) hollow that are stale."""
    axes.plot(*points[:, np.flatnonzero(stale)], "o", color=colour, mfc="white", ms=5, zorder=3)


def _style(plan: Plan) -> str:
    """Return points that are joined where the values are quantities."""
    numbers = isinstance(plan.values, list) and not any(isinstance(value, str) for value in plan.values)
    return "o-" if numbers and plan.parameter not in _NAMES else "o"


def _legend(figure: Figure, grid: Sequence[Axes]) -> None:
    named: dict[str, Any] = {}
    for axes in grid:
        named |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    labels = sorted(named, key=lambda name: name == _STALE)
    figure.legend(
        [named[name] for name in labels],
        labels,
        ncols=2 if max(map(len, labels)) > _LONG else len(labels) if len(labels) <= _WIDE else 3,
        loc="outside lower center",
        frameon=False,
        fontsize=9,
        columnspacing=1.2,
    )


def _name(metric: str) -> str:
    """Return the name of a metric for people; a figure by its full name says of which model it is."""
    if metric in _LINES:
        return _LINES[metric][0]
    if "." not in metric:
        return label(metric)
    model, group, view = metric.split(".")
    return f"{model}, {label(CERTIFIED if group == CERTIFIED else view)}"


def _with_intervals(rows: Rows, metric: str) -> tuple[Any, Any]:
    """Return a metric in percent (n,), and how far below and above each the ends of its interval lie (2, n).

    Accuracy on training images has none: they are no sample of anything that is asked about.
    """
    shares, off = [], []
    for row in rows:
        share, images = float(row[metric]), counts.of(row, metric)
        low, high = (share, share) if metric == _TRAINING else scoring.interval(round(share * images), images)
        shares.append(100 * share)
        off.append((max(share - low, 0), max(high - share, 0)))
    return np.array(shares), 100 * np.reshape(off, (-1, 2)).T
