"""Draw what detectors find over the share of false alarms, one row a model and one panel a detector."""

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from robust_digits.detect import figures, roc
from robust_digits.detect.scores import EVASION, Views
from robust_digits.draw import parts
from robust_digits.draw.parts import COLOURS, QUIET
from robust_digits.judge.views import CLEAN, FGM_TRANSFER, label

_KNOWN = "#111111"  # of the attack that knows the detector
_OTHERS = ("#4c78a8", "#c0392b", "#72b7b2", "#8a56c2", "#9c755f", "#b279a2")  # of attacks that do not


def curves(path: Path, tried: Mapping[str, Mapping[str, Views]], *, eps: float, transfer_eps: float) -> None:
    """Draw a ROC curve for each attack, and in its legend on how many adversarial images and with which area below it.

    `tried` has the views of each detector of each model; the attacks stay within `eps`, those of the transfer set
    within `transfer_eps`. Only attacks that follow gradients of the model are drawn, beside the transfer set.
    """
    columns = max(len(detectors) for detectors in tried.values())
    figure = Figure(figsize=(1 + 6.2 * columns, 0.9 + 3.3 * len(tried)), layout="constrained")
    grid = figure.subplots(len(tried), columns, squeeze=False, sharex=True, sharey=True)
    for row, (model, detectors) in zip(grid, tried.items(), strict=True):
        for axes, (detector, views) in zip(row, detectors.items(), strict=False):
            _panel(axes, views, transfer_eps=transfer_eps)
            axes.set_title(f"{model}, {detector}")
    for axes in grid[-1]:
        axes.set_xlabel(f"clean test images flagged, % of {_count(tried)}")
    for axes in grid[:, 0]:
        axes.set_ylabel("adversarial images flagged, %")
    figure.suptitle(
        f"What a detector finds, by its threshold; attacks within eps {eps:g}\n"
        "(in brackets: adversarial images, area under the curve)"
    )
    parts.save(figure, path)


def _panel(axes: Axes, views: Views, *, transfer_eps: float) -> None:
    axes.plot([0, 100], [0, 100], color=QUIET, lw=1, ls=":", label="guessing")
    colours = dict(zip(figures.white_box(views), cycle(_OTHERS), strict=False)) | {
        FGM_TRANSFER: COLOURS[FGM_TRANSFER],
        EVASION: _KNOWN,
    }
    for view, colour in colours.items():
        if view not in views:
            continue
        clean, attacked = views[CLEAN].scores, views[view].scores[figures.adversarial(views, view)]
        name = "knows the detector" if view == EVASION else label(view, transfer_eps if view == FGM_TRANSFER else None)
        if not len(attacked):
            axes.plot([], [], color=colour, label=f"{name} (none)")
            continue
        points = 100 * roc.curve(clean, attacked)
        said = f"{name} ({len(attacked)}, {roc.area(clean, attacked):.2f})"
        dashes = "--" if view == FGM_TRANSFER else "-"  # the baseline's own FGM images are the same ones
        axes.plot(*points.T, dashes, color=colour, lw=2.5 if view == EVASION else 1.5, label=said)
    axes.set_xlim(-1, 101)
    axes.set_ylim(-1, 101)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))  # curves go everywhere inside


def _count(tried: Mapping[str, Mapping[str, Views]]) -> int:
    """Return on how many clean test images the curves are."""
    return next(len(views[CLEAN].labels) for detectors in tried.values() for views in detectors.values())
