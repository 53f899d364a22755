"""Draw what became of figures from one commit to the next, a panel each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from robust_digits.draw import parts
from robust_digits.draw.parts import COLOURS, QUIET, WRONG
from robust_digits.judge import scoring
from robust_digits.judge.views import CLEAN

_LINE = COLOURS[CLEAN]
_ROOM = 1.5  # percent above and below what is drawn


@dataclass(frozen=True)
class Moment:
    """A commit by its label, what figures it has, each a share and of how many images, and how it measured them.

    `code` and `params` say whether other code, or other parameters, measured than at the moment before.
    """

    label: str
    figures: Mapping[str, tuple[float, int]]
    code: bool
    params: bool


def trend(path: Path, moments: Sequence[Moment], floors: Mapping[str, float | None]) -> None:
    """Draw every figure that `floors` names, over moments, with its 95% interval and the floor that it must keep.

    A line across stands where the parameters of the evaluation changed, a hollow point where its code did.
    """
    width = max(7.0, 2.5 + 0.42 * len(moments))  # inches
    figure = Figure(figsize=(width, 1.6 + 1.45 * len(floors)), layout="constrained")
    panels = figure.subplots(len(floors), sharex=True, squeeze=False)[:, 0]
    for axes, (name, floor) in zip(panels, floors.items(), strict=True):
        _panel(axes, name, moments, floor)
    panels[-1].set_xticks(range(len(moments)), [each.label for each in moments], rotation=90, fontsize=8)
    panels[-1].set_xlim(-0.5, len(moments) - 0.5)
    figure.legend(handles=_legend(), loc="outside upper left", ncols=2, frameon=False, fontsize=8)
    parts.save(figure, path)


def _panel(axes: Axes, name: str, moments: Sequence[Moment], floor: float | None) -> None:
    """Draw one figure; a gap where it was not measured."""
    found = [each.figures.get(name) for each in moments]
    shares = np.array([np.nan if each is None else 100 * each[0] for each in found])
    ends = [(np.nan, np.nan) if each is None else _interval(*each) for each in found]
    low, high = np.array(ends).reshape(-1, 2).T
    places = np.arange(len(moments))
    axes.fill_between(places, low, high, color=_LINE, alpha=0.12, lw=0)
    axes.plot(places, shares, color=_LINE, lw=1.5)
    before = np.nan
    for place, (each, share) in enumerate(zip(moments, shares, strict=True)):
        axes.plot(place, share, "o", color=_LINE, mfc="white" if each.code else _LINE, ms=5, zorder=3)
        if each.params:
            axes.axvline(place, color=QUIET, lw=1, zorder=0)
        if share != before and not np.isnan(share):
            axes.annotate(f"{share:.1f}", (place, share), (0, 5), textcoords="offset points", fontsize=8, ha="center")
        before = share
    if floor is not None:
        axes.axhline(100 * floor, color=WRONG, lw=1, ls="--", zorder=0)
    drawn = [end for end in (*low, *high, *([] if floor is None else [100 * floor])) if not np.isnan(end)]
    if drawn:
        axes.set_ylim(min(drawn) - _ROOM, max(drawn) + _ROOM)
    axes.set_title(name, fontsize=9, loc="left")
    axes.tick_params(axis="y", labelsize=8)
    axes.yaxis.set_major_formatter("{x:g}%")
    axes.spines[["top", "right"]].set_visible(False)


def _interval(share: float, images: int) -> tuple[float, float]:
    """Return the 95% interval of a share, in percent."""
    low, high = scoring.interval(round(share * images), images)
    return 100 * low, 100 * high


def _legend() -> list[Line2D]:
    """Say what the marks of every panel mean."""
    return [
        Line2D([], [], color=_LINE, marker="o", ms=5, label="share of the test images; band: its 95% interval"),
        Line2D([], [], color=WRONG, lw=1, ls="--", label="floor"),
        Line2D([], [], color=_LINE, marker="o", mfc="white", ms=5, lw=0, label="measured by other code than before"),
        Line2D([], [], color=QUIET, lw=1, label="measured under other parameters than before"),
    ]
