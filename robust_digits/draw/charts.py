"""Draw models, one or several side by side: accuracy in each view and over eps, and confusion."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from robust_digits.draw import parts
from robust_digits.draw.parts import COLOURS, QUIET, RIGHT
from robust_digits.judge import sanity, scoring
from robust_digits.judge.evidence import Evidence
from robust_digits.judge.views import CERTIFIED, CLEAN, CURVE, FGM_TRANSFER, FGM_WHITE_BOX, NORMS, WORST_CASE, label

_NUMBERED = 14  # classes at most whose shares fit into their cells
_SCALE = (0, 0.01, 0.05, 0.2, 0.5, 1)  # told beside the colours otherwise
_BOUND = f"no model can be better: from eps {sanity.GREY:g} on, all images may be one grey"
_SUITE = "eps of the worst case, and of what is certified"
_UNKNOWN = "band: true accuracy, from what is certified to what an attack left"
_CAVEAT = "an upper end only: behind steep thresholds, as of\nthe network `binarized`, attacks in L2 are weak"
_FAR = 3  # times as large an eps as the one before it: of a curve that would be squeezed into a corner


def accuracies(path: Path, evidence: Mapping[str, Evidence]) -> None:
    """Draw each model's accuracy in each view side by side, and what is certified, with 95% intervals."""
    figure = Figure(figsize=(1.6 + 3.3 * len(evidence), 4.0), layout="constrained")
    axes = figure.subplots()
    made = next(iter(evidence.values())).made
    width = 0.86 / len(COLOURS)
    for position, (view, colour) in enumerate(COLOURS.items()):
        named: str | None = label(view, made[view].eps)
        for number, each in enumerate(evidence.values()):
            place = number + (position - (len(COLOURS) - 1) / 2) * width
            right = each.certified if view == CERTIFIED else each.right(view)
            if right is None:
                axes.text(place, 2, "cannot be certified", rotation=90, fontsize=8, ha="center")
                continue
            share, low, high = _percent(right)
            axes.bar(place, share, width * 0.94, color=colour, label=named)
            axes.plot([place, place], [low, high], color="black", lw=1)
            axes.text(place, max(share, high) + 1.5, f"{share:.1f}", fontsize=8, ha="center")
            named = None  # one entry of the legend a view
    axes.set_xticks(range(len(evidence)), list(evidence))
    axes.set_ylim(0, 108)
    axes.set_yticks(range(0, 101, 20))
    axes.set_ylabel("right, % of the test images")
    axes.spines[["top", "right"]].set_visible(False)
    columns = len(COLOURS) if len(evidence) > 1 else 2
    figure.legend(ncols=columns, loc="outside upper center", frameon=False, fontsize=9, columnspacing=1.2)
    parts.save(figure, path)


def standing(path: Path, evidence: Evidence) -> None:
    """Draw one model's accuracy in every view and what is certified, each with its 95% interval.

    Between what is certified and what is left in the worst case lies true accuracy: the band.
    """
    shares = evidence.verdicts()
    if evidence.certified is not None:
        shares[CERTIFIED] = evidence.certified
        proven, left = (100 * scoring.accuracy(shares[name]) for name in (CERTIFIED, WORST_CASE))
    figure = Figure(figsize=(6.4, 0.9 + 0.42 * len(shares)), layout="constrained")
    axes = figure.subplots()
    for place, (view, right) in enumerate(shares.items()):
        share, low, high = _percent(right)
        axes.barh(place, share, 0.7, color=COLOURS.get(view, QUIET))
        axes.plot([low, high], [place, place], color="black", lw=1)
        axes.text(max(high, share) + 1.5, place, f"{share:.1f}", fontsize=8, va="center")
    if evidence.certified is not None:
        axes.axvspan(proven, left, color=RIGHT, alpha=0.15, lw=0, zorder=0)
    axes.set_yticks(range(len(shares)), [label(view, evidence.made[view].eps) for view in shares])
    axes.invert_yaxis()
    axes.set_xlim(0, 112)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("images that are right, %")
    axes.spines[["top", "right"]].set_visible(False)
    parts.save(figure, path)


def security(path: Path, evidence: Mapping[str, Evidence]) -> None:
    """Draw accuracy over eps in both norms, one line a model, with the bound that grey images set.

    The band below a line reaches down to what is certified: true accuracy lies in it. The radius of the suite is a
    line across the norm that it is of.
    """
    first = next(iter(evidence.values()))  # all are judged alike
    figure = Figure(figsize=(9.6, 5.0), layout="constrained")
    names: dict[str, str | int] = {"linf": "inf", "l2": 2}
    for axes, (norm, name) in zip(figure.subplots(1, 2, sharey=True), names.items(), strict=True):
        for model, each in evidence.items():
            points = _near(each.curves[norm])
            (line,) = axes.plot(points[:, 0], 100 * points[:, 1], marker="o", ms=3, label=model)
            if norm == "linf" and CERTIFIED in each.curves:
                _band(axes, each, colour=line.get_color())
        axes.set_title(f"{NORMS[name]}: accuracy under {CURVE}", fontsize=11)
        axes.set_ylim(-2, 102)
        axes.spines[["top", "right"]].set_visible(False)
        if norm == "linf" and _near(first.curves[norm])[-1, 0] >= sanity.GREY:
            bound = 100 * first.indicators["grey_bound"]
            axes.plot([sanity.GREY, sanity.GREY + 0.1], [bound, bound], color="black", lw=2, ls="--", label=_BOUND)
        if first.made[WORST_CASE].norm == name:
            axes.axvline(first.indicators["eps"], color=QUIET, lw=1.5, zorder=0, label=_SUITE)
    linf, l2 = figure.axes
    linf.set_ylabel(f"right, % of the first {first.indicators['curve_images']:.0f} test images")
    linf.set_xlabel("eps")
    l2.set_xlabel(f"eps\n{_CAVEAT}", fontsize=9)
    handles = dict(zip(*reversed(linf.get_legend_handles_labels()), strict=True))
    handles |= dict(zip(*reversed(l2.get_legend_handles_labels()), strict=True))
    if any(CERTIFIED in each.curves for each in evidence.values()):
        handles[_UNKNOWN] = Patch(color=QUIET, alpha=0.4)
    figure.legend(list(handles.values()), list(handles), ncols=2, loc="outside lower center", frameon=False, fontsize=9)
    parts.save(figure, path)


def confusions(path: Path, evidence: Mapping[str, Evidence]) -> None:
    """Draw a confusion matrix for each model and view, as shares of the true class.

    Shares are written into the cells, or told by one scale of colours where the classes are too many for that.
    """
    views = [CLEAN, FGM_TRANSFER, FGM_WHITE_BOX]
    classes = next(iter(evidence.values())).logits[CLEAN].shape[1]
    many = classes > _NUMBERED
    side = 5.0 if many else 3.4
    size = (side * len(views), side * len(evidence))
    figure = Figure(figsize=size, layout="compressed" if many else "constrained")
    grid = figure.subplots(len(evidence), len(views), squeeze=False)
    for row, (model, each) in zip(grid, evidence.items(), strict=True):
        for axes, view in zip(row, views, strict=True):
            shares = _shares(each.labels, each.predictions[view], classes=classes)
            drawn = _coloured(axes, shares) if many else _numbered(axes, shares)
            axes.set_xlabel("predicted")
            axes.set_ylabel("true, % of the row")
            axes.set_title(f"{model}, {label(view, each.made[view].eps)}", fontsize=10)
    if many:
        scale = figure.colorbar(drawn, ax=grid, shrink=1 / len(evidence), ticks=_SCALE, format="{x:.0%}")
        scale.set_label("share of the row")
    parts.save(figure, path)


def _percent(right: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return the accuracy of verdicts (n,) and the ends of its 95% interval, in percent."""
    low, high = scoring.interval(int(right.sum()), len(right))
    return 100 * scoring.accuracy(right), 100 * low, 100 * high


def _band(axes: Axes, evidence: Evidence, *, colour: str) -> None:
    """Fill what is not known: between what an attack left standing and what is certified."""
    (eps, proven), (_, left) = (_near(evidence.curves[curve]).T for curve in (CERTIFIED, "linf"))
    axes.fill_between(eps, 100 * proven, 100 * left, color=colour, alpha=0.15, lw=0)


def _near(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a curve without a last point that stands far off, as the bound of grey images does of a small eps."""
    before, last = points[-2:, 0] if len(points) > 1 else (0, 0)
    return points[:-1] if last > _FAR * before > 0 else points


def _shares(labels: NDArray[np.int64], predicted: NDArray[np.int64], *, classes: int) -> NDArray[np.float64]:
    """Return which share of each true class, by rows, is taken for each class."""
    counts = np.zeros((classes, classes))
    np.add.at(counts, (labels, predicted), 1)
    shares: NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def _numbered(axes: Axes, shares: NDArray[np.float64]) -> AxesImage:
    for true, predicted in zip(*np.nonzero(shares), strict=True):
        share = shares[true, predicted]
        colour = "white" if share > 0.5 else "black"  # noqa: PLR2004 (dark half of the scale)
        axes.text(predicted, true, f"{100 * share:.0f}", ha="center", va="center", fontsize=7, color=colour)
    axes.set_xticks(range(len(shares)))
    axes.set_yticks(range(len(shares)))
    return axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)


def _coloured(axes: Axes, shares: NDArray[np.float64]) -> AxesImage:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, steps=(1, 2, 5, 10)))
    return axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1))  # the root, so that a few in a hundred show
