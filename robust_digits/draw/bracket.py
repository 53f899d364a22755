"""Draw the bracket image by image: how many are proven to stand, how many are broken, how many are open."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from robust_digits.draw import parts
from robust_digits.draw.parts import QUIET, RIGHT, WRONG
from robust_digits.judge.evidence import Evidence
from robust_digits.judge.views import CERTIFIED, CURVE, WORST_CASE

_FATES = {  # of an image, from below: what is said of it, its colour, and that of the number on it
    "proven: no attack within eps can break it": (RIGHT, "white"),
    "open: neither proven nor broken": (QUIET, "black"),
    f"broken: wrong as it is, or under {CURVE}": (WRONG, "white"),
}
_NARROW = 2  # models, beside which the legend does not fit into one row
_LEGIBLE = 0.05  # of all images: the least share whose number fits into its bar


def bracket(path: Path, evidence: Mapping[str, Evidence]) -> None:
    """Draw for each eps, models side by side, how many of the images of the curves have met which fate.

    What cannot be proven, because no bounds can be had of a model, is open.
    """
    figure = Figure(figsize=(1.2 + 3.4 * len(evidence), 4.4), layout="constrained")
    grid = figure.subplots(1, len(evidence), sharey=True, squeeze=False)[0]
    for axes, (model, each) in zip(grid, evidence.items(), strict=True):
        _stack(axes, each)
        axes.set_title(model)
    count = next(iter(evidence.values())).indicators["curve_images"]
    grid[0].set_ylabel(f"how many of the first {count:.0f} test images")
    figure.legend(
        *grid[0].get_legend_handles_labels(),
        title="what is known of an image that may be moved by up to eps",
        loc="outside upper center",
        ncols=len(_FATES) if len(evidence) > _NARROW else 1,
        frameon=False,
    )
    parts.save(figure, path)


def _stack(axes: Axes, evidence: Evidence) -> None:
    """Draw a bar for each eps, in three parts; that of the suite, if it is in this norm, is the judged one."""
    left = dict(evidence.curves["linf"])
    proven = dict(evidence.curves.get(CERTIFIED, np.empty((0, 2))))
    count = evidence.indicators["curve_images"]
    shares = [(share := proven.get(eps, 0.0), stands - share, 1 - stands) for eps, stands in left.items()]
    below = np.zeros(len(left))
    for (fate, (colour, ink)), share in zip(_FATES.items(), np.array(shares).T, strict=True):
        numbers = np.round(count * share)
        bars = axes.bar(range(len(left)), numbers, 0.86, bottom=below, color=colour, label=fate)
        said = [f"{number:.0f}" if number >= _LEGIBLE * count else "" for number in numbers]
        axes.bar_label(bars, said, label_type="center", fontsize=7, color=ink)
        below += numbers
    suite = evidence.made[WORST_CASE]
    judged = suite.eps if suite.norm == "inf" else None
    axes.set_xticks(range(len(left)), [f"{eps:g}\njudged" if eps == judged else f"{eps:g}" for eps in left], fontsize=8)
    axes.set_xlabel("eps, L-infinity")
    axes.spines[["top", "right"]].set_visible(False)
