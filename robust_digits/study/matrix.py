"""Draw a study of what training images hold as a matrix: trained on, by rows, and attacked by, by columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from robust_digits.attack.table import ATTACKS
from robust_digits.document import counts
from robust_digits.draw import parts
from robust_digits.judge import scoring
from robust_digits.judge.views import CLEAN, label, transferred
from robust_digits.study.spec import Plan

_CELL = (0.78, 0.42)  # inches
_MARGIN = (3.2, 2.6)  # for the names of rows and columns
_FEWEST = 3  # rows that there is room for, however few there are yet
_PALE = (17, 83)  # between these, in percent, a cell is bright enough for black letters
_CRAFTED, _OWN = "crafted once, against the baseline", "against the model itself"
_TRANSFERRED = set(map(transferred, ATTACKS))


def matrix(path: Path, plan: Plan, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw the accuracy of each row's model in each view, in percent; framed are attacks that its training has seen.

    `rows` are named by the values of the plan, each of which says what its training images hold as `attacks`.
    """
    size = max(len(rows), _FEWEST), len(plan.metrics)
    width, height = _MARGIN[0] + _CELL[0] * size[1], _MARGIN[1] + _CELL[1] * size[0]
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(fill(plan.title, int(10 * width)), fontsize=12)  # of the axes it would leave the picture
    axes = figure.subplots()
    _fill(axes, _shares(rows, plan.metrics))
    for row, told in enumerate(rows):
        for column in _seen(plan, told["value"]):
            axes.add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor="black", lw=1.8, clip_on=False))
    _name(axes, plan.metrics, rows)
    axes.set_xlim(0, size[1])
    axes.set_ylim(size[0], 0)
    axes.spines[:].set_visible(False)
    _head(axes, plan.metrics)
    parts.save(figure, path)


def _fill(axes: Axes, shares: NDArray[np.float64]) -> None:
    """Colour each cell, and write into it what it holds, if there is anything."""
    axes.pcolormesh(shares, cmap="RdBu", vmin=0, vmax=100, edgecolors="white", linewidth=1)
    for (row, column), share in np.ndenumerate(shares):
        if not np.isnan(share):
            colour = "black" if _PALE[0] <= share <= _PALE[1] else "white"
            axes.text(column + 0.5, row + 0.5, f"{share:.1f}", ha="center", va="center", color=colour, fontsize=11)


def _name(axes: Axes, metrics: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Name rows and columns, and say below how sure the figures are."""
    names = [label(metric).removesuffix(" transfer") for metric in metrics]
    axes.set_xticks(np.arange(len(metrics)) + 0.5, names, rotation=35, ha="right", rotation_mode="anchor", fontsize=11)
    said = [f"{row['value']}{' (stale, of earlier code)' if row['stale'] else ''}" for row in rows]
    axes.set_yticks(np.arange(len(rows)) + 0.5, said, fontsize=11)
    axes.tick_params(length=0)
    axes.set_xlabel(_caption(rows, metrics), fontsize=10)
    axes.set_ylabel("trained on clean images and", fontsize=11)


def _shares(rows: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> NDArray[np.float64]:
    """Return accuracies in percent (rows, metrics), NaN where a row has none."""
    cells = [[float("nan" if row[metric] == "" else row[metric]) for metric in metrics] for row in rows]
    return 100 * np.reshape(cells, (len(rows), len(metrics)))


def _seen(plan: Plan, value: str) -> list[int]:
    """Return the columns of the attacks that the training images of a value hold."""
    held = plan.values[value].get("attacks", {}) if isinstance(plan.values, dict) else {}
    return [plan.metrics.index(transferred(name)) for name in held if transferred(name) in plan.metrics]


def _head(axes: Axes, metrics: Sequence[str]) -> None:
    """Say above the columns what their images were crafted against."""
    kinds = ["" if name == CLEAN else _CRAFTED if name in _TRANSFERRED else _OWN for name in metrics]
    for kind in (_CRAFTED, _OWN):
        columns = [place for place, each in enumerate(kinds) if each == kind]
        if columns:
            first, last = columns[0] + 0.08, columns[-1] + 0.92
            axes.plot([first, last], [-0.12, -0.12], color="black", lw=1, clip_on=False)
            axes.text((first + last) / 2, -0.3, fill(kind, 14 * len(columns)), ha="center", va="bottom", fontsize=10)


def _caption(rows: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> str:
    """Return how far figures may be off, where they are farthest from 0 and 100%."""
    if not rows:
        return ""
    images = {counts.of(row, metric) for row in rows for metric in metrics}
    fewest, most = min(images), max(images)
    reach = 100 * (scoring.interval(fewest // 2, fewest)[1] - 0.5)
    said = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    return f"accuracy, %, of {said} test images; 95% intervals reach up to {reach:.1f} points to each side"
