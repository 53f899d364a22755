"""Draw digits one by one: as numbers, and what an attack does to them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import softmax

from robust_digits.data.images import ImageSet
from robust_digits.draw import parts
from robust_digits.draw.parts import RIGHT, WRONG
from robust_digits.judge import scoring
from robust_digits.judge.evidence import Evidence
from robust_digits.judge.views import CLEAN, FGM_WHITE_BOX, WORST_CASE, label

_COLUMNS = 10
_WHITE = 255
_WRITTEN = 32  # pixels a side that are written out
_CHANGE = "change of a pixel"


def digit(path: Path, evidence: Evidence, *, model: str) -> None:
    """Draw one digit before and after FGM, white-box, the perturbation between, and the probabilities beside each.

    The digit is the first of the shown ones that is right before and wrong after, or the first of all.
    """
    labels = evidence.labels[evidence.shown]
    before, after = (softmax(evidence.logits[view], axis=1) for view in (CLEAN, FGM_WHITE_BOX))
    fell = (before.argmax(axis=1) == labels) & (after.argmax(axis=1) != labels)
    row = int(fell.argmax())
    clean, adversarial = evidence.images[CLEAN][row], evidence.images[FGM_WHITE_BOX][row]
    figure = Figure(figsize=(12, 2.8), layout="constrained")
    axes = figure.subplots(1, 5, width_ratios=(1, 1.3, 1.25, 1, 1.3))
    name = label(FGM_WHITE_BOX, evidence.made[FGM_WHITE_BOX].eps)
    figure.suptitle(f"{model} under {name}: test image {evidence.shown[row]}, which is {labels[row]}", fontsize=12)
    for column, image, title in ((0, clean, "before"), (3, adversarial, "after")):
        parts.image(axes[column], image)
        axes[column].set_title(title)
    drawn = parts.perturbation(axes[2], adversarial - clean)
    parts.scale(axes[2], drawn, says=_CHANGE)
    axes[2].set_title("perturbation")
    for column, probabilities in ((1, before[row]), (4, after[row])):
        parts.bars(axes[column], probabilities, label=int(labels[row]))
        axes[column].set_title(f"taken for {parts.surely(probabilities)}")
    parts.save(figure, path)


def attack(path: Path, evidence: Evidence, *, model: str) -> None:
    """Draw the shown digits under the attack that leaves the model the least: clean, perturbation, sum, probabilities.

    What the model takes them for is green where right and red where wrong.
    """
    complete = [view for view in evidence.suite() if view in evidence.images]
    strongest = min(complete, key=lambda view: float(evidence.right(view).mean()), default=FGM_WHITE_BOX)
    images, logits, labels = evidence.images[strongest], evidence.logits[strongest], evidence.labels[evidence.shown]
    clean, before = evidence.images[CLEAN], evidence.logits[CLEAN].argmax(axis=1)
    count, limit = len(evidence.shown), float(np.abs(images - clean).max())
    figure = Figure(figsize=(1.25 * count + 1.6, 6.4), layout="constrained")
    share = 100 * scoring.accuracy(evidence.right(strongest))
    name = label(strongest, evidence.made[strongest].eps)
    figure.suptitle(f"{model}: {share:.1f}% of the test images right under {name}", fontsize=12)
    grid = figure.subplots(4, count, squeeze=False)
    for column, true in enumerate(labels.tolist()):
        parts.image(grid[0, column], clean[column])
        _verdict(
            grid[0, column],
            int(before[column]),
            true,
            says="is {true}\nwrong before" if before[column] != true else "is {true}",
        )
        drawn = parts.perturbation(grid[1, column], images[column] - clean[column], limit=limit)
        parts.image(grid[2, column], images[column])
        _verdict(grid[2, column], int(logits[column].argmax()), true, says="taken for {predicted}")
        parts.bars(grid[3, column], softmax(logits[column]), label=true)
        grid[3, column].tick_params(labelsize=7, labelleft=column == 0)
    parts.scale(grid[1, -1], drawn, says=_CHANGE)
    for axes, row in zip(grid[:, 0], ("clean", "perturbation", "adversarial", "probability"), strict=True):
        axes.set_ylabel(row, fontsize=10)
    parts.save(figure, path)


def pixels(path: Path, test: ImageSet) -> None:
    """Draw the first test image beside the matrix that it is: the value of each pixel, from 0 to 255.

    Of a large image only the middle is written out.
    """
    side = test.images.shape[1]
    start = max(0, (side - _WRITTEN) // 2)
    part = slice(start, start + min(side, _WRITTEN))
    matrix = np.rint(test.images[0].mean(axis=-1) * _WHITE).astype(int)[part, part]
    figure = Figure(figsize=(12.5, 8.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 2.6))
    parts.image(left, test.images[0])
    left.set_title(f"a {test.labels[0]}: the first test image, {side}x{side} pixels")
    parts.image(right, test.images[0][part, part])
    for (row, column), value in np.ndenumerate(matrix):
        colour = "black" if value > _WHITE / 2 else "white"
        right.text(column, row, str(value), fontsize=7.5, ha="center", va="center", color=colour)
    right.set_title("the same as numbers: 0 is black, 255 is white")
    parts.save(figure, path)


def fallen(path: Path, evidence: Evidence, rows: Sequence[int]) -> None:
    """Draw test images that a model gets wrong in its worst case, the first ten of `rows`: clean, and as it saw them.

    Above each stand its number and true label, then what it was taken for; below, under which attack that was.
    """
    figure = Figure(figsize=(1.15 * _COLUMNS, 3.1), layout="constrained")
    grid = figure.subplots(2, _COLUMNS)
    for column, row in enumerate(rows[:_COLUMNS]):
        view = evidence.fell_to(row) or WORST_CASE
        for axes, name in zip(grid[:, column], (CLEAN, WORST_CASE), strict=True):
            parts.image(axes, evidence.pictured[name][row] / np.float32(_WHITE))
        grid[0, column].set_title(f"{row}: {evidence.labels[row]}", fontsize=9)
        _verdict(grid[1, column], int(evidence.predictions[view][row]), int(evidence.labels[row]))
        grid[1, column].set_xlabel(label(view), fontsize=7)
    for axes in grid[:, len(rows) :].flat:
        axes.axis("off")
    parts.save(figure, path)


def _verdict(axes: Axes, predicted: int, true: int, *, says: str = "{predicted}") -> None:
    """Write above an image what it is or is taken for, green where right and red where wrong."""
    colour = RIGHT if predicted == true else WRONG
    axes.set_title(says.format(predicted=predicted, true=true), fontsize=10, color=colour)
