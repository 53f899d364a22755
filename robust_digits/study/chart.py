"""Draw what a parameter does to accuracy, clean and under attack."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from robust_digits.draw import parts
from robust_digits.draw.parts import COLOURS
from robust_digits.judge import scoring
from robust_digits.judge.views import label
from robust_digits.study.spec import Plan

_STALE = "hollow: with earlier code"
_WIDE = 4  # entries of the legend side by side
_LONG = 20  # letters of an entry, beyond which only two stand side by side
_LINES = {
    **{view: (label(view), colour) for view, colour in COLOURS.items()},
    "fgm": ("FGM, the same eps for all", "#f2a541"),
}


def influence(path: Path, plan: Plan, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw each metric of a study over the values of its parameter, with 95% intervals.

    Values stand side by side in the order of the plan; a line joins them where they are numbers.
    """
    values = [str(row["value"]) for row in rows]
    numbers = isinstance(plan.values, list) and not any(isinstance(value, str) for value in plan.values)
    width = max(6.5, 1.1 * len(rows) + 1)  # inches
    slanted = sum(len(value) for value in values) > 60  # noqa: PLR2004 (letters side by side)
    figure = Figure(figsize=(width, 5 if slanted else 4), layout="constrained")
    axes = figure.subplots()
    axes.set_title(fill(plan.title, int(10 * width)), fontsize=11)
    for place, metric in enumerate(plan.metrics):
        name, colour = _LINES.get(metric, (metric, f"C{place}"))
        measured = [(at, row) for at, row in enumerate(rows) if row[metric] != ""]
        shares, off = _with_intervals([row for _, row in measured], metric)
        beside = 0.06 * (place - (len(plan.metrics) - 1) / 2)  # so that intervals do not cover each other
        places = np.array([at for at, _ in measured]) + beside
        style = "o-" if numbers else "o"
        axes.errorbar(places, shares, off, fmt=style, color=colour, ms=5, capsize=2, label=name)
        stale = [number for number, (_, row) in enumerate(measured) if row["stale"]]
        axes.plot(places[stale], np.array(shares)[stale], "o", color=colour, mfc="white", ms=5, zorder=3)
    if any(row["stale"] for row in rows):
        axes.plot([], [], "o", color="grey", mfc="white", label=_STALE)
    axes.set_xticks(range(len(rows)), values, rotation=25 if slanted else 0, ha="right" if slanted else "center")
    axes.set_xlabel(plan.parameter)
    axes.set_ylim(-2, 102)
    models = {figure.partition(".")[0] for figure in plan.figures.values()}
    axes.set_ylabel(f"accuracy of the {plan.model} model, %" if models == {plan.model} else "accuracy, %")
    axes.grid(axis="y", color="#e4e7ea", lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    named = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
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
    parts.save(figure, path)


def _with_intervals(rows: Sequence[Mapping[str, Any]], metric: str) -> tuple[list[float], Any]:
    """Return a metric in percent (n,), and how far below and above each the ends of its interval lie (2, n)."""
    shares, off = [], []
    for row in rows:
        share, images = float(row[metric]), int(row["images"])
        low, high = scoring.interval(round(share * images), images)
        shares.append(100 * share)
        off.append((max(share - low, 0), max(high - share, 0)))
    return shares, 100 * np.reshape(off, (-1, 2)).T
