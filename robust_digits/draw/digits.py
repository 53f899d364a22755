"""Draw digits: the test images, what an attack does to them, and which the models get wrong."""

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


def samples(path: Path, test: ImageSet, *, rows: int = 3) -> None:
    """Draw the first test images, with their labels."""
    few = test[: rows * _COLUMNS]
    figure, grid = _grid(len(few), size=1.0)
    for axes, image, true in zip(grid, few.images, few.labels, strict=True):
        parts.image(axes, image)
        axes.set_title(str(true), fontsize=9)
    parts.save(figure, path)


def digit(path: Path, evidence: Evidence) -> None:
    """Draw one digit before and after FGM, white-box, the perturbation between, and the probabilities beside each.

    The digit is the first of the shown ones that is right before and wrong after, or the first of all.
    """
    labels = evidence.labels[evidence.shown]
    before, after = (softmax(evidence.logits[view], axis=1) for view in (CLEAN, FGM_WHITE_BOX))
    fell = (before.argmax(axis=1) == labels) & (after.argmax(axis=1) != labels)
    row = int(fell.argmax())
    clean, adversarial = evidence.images[CLEAN][row], evidence.images[FGM_WHITE_BOX][row]
    figure = Figure(figsize=(11, 2.7), layout="constrained")
    axes = figure.subplots(1, 5, width_ratios=(1, 1.3, 1, 1, 1.3))
    figure.suptitle(label(FGM_WHITE_BOX, evidence.made[FGM_WHITE_BOX].eps), fontsize=11)
    for column, image, title in ((0, clean, "before"), (3, adversarial, "after")):
        parts.image(axes[column], image)
        axes[column].set_title(title)
    parts.perturbation(axes[2], adversarial - clean)
    axes[2].set_title("perturbation")
    for column, probabilities in ((1, before[row]), (4, after[row])):
        parts.bars(axes[column], probabilities, label=int(labels[row]))
        axes[column].set_title(parts.surely(probabilities))
    parts.save(figure, path)


def attack(path: Path, evidence: Evidence, *, model: str) -> None:
    """Draw the shown digits under the attack that leaves the model the least: clean, perturbation, sum, probabilities.

    What the model takes them for is green where right and red where wrong.
    """
    complete = [view for view in evidence.suite() if view in evidence.images]
    strongest = min(complete, key=lambda view: float(evidence.right(view).mean()), default=FGM_WHITE_BOX)
    images, logits = evidence.images[strongest], evidence.logits[strongest]
    count = len(evidence.shown)
    figure = Figure(figsize=(1.1 * count + 1, 5.4), layout="constrained")
    share = 100 * scoring.accuracy(evidence.right(strongest))
    name = label(strongest, evidence.made[strongest].eps)
    figure.suptitle(f"{model}: {share:.1f}% right under {name}", fontsize=11)
    grid = figure.subplots(4, count, squeeze=False)
    for column, (true, clean, image) in enumerate(
        zip(evidence.labels[evidence.shown], evidence.images[CLEAN], images, strict=True)
    ):
        parts.image(grid[0, column], clean)
        _verdict(grid[0, column], int(evidence.logits[CLEAN][column].argmax()), true)
        parts.perturbation(grid[1, column], image - clean)
        parts.image(grid[2, column], image)
        _verdict(grid[2, column], int(logits[column].argmax()), true)
        parts.bars(grid[3, column], softmax(logits[column]), label=int(true))
        grid[3, column].tick_params(labelsize=6, labelleft=column == 0)
    for axes, name in zip(grid[:, 0], ("clean", "perturbation", "adversarial", "probability"), strict=True):
        axes.set_ylabel(name, fontsize=9)
    parts.save(figure, path)


def mistakes(path: Path, test: ImageSet, evidence: Evidence, *, model: str, rows: int = 3) -> None:
    """Draw the first clean test images that the model gets wrong: predicted, then true label."""
    predicted = evidence.predictions[CLEAN]
    wrong = np.flatnonzero(predicted != evidence.labels)
    few = wrong[: rows * _COLUMNS]
    figure, grid = _grid(max(len(few), 1), size=1.15)
    figure.suptitle(f"{model}: {len(wrong)} of {len(test)} clean test images wrong", fontsize=11)
    for axes, row in zip(grid, few, strict=False):
        parts.image(axes, test.images[row])
        axes.set_title(f"{predicted[row]}, is {evidence.labels[row]}", fontsize=9, color=WRONG)
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


def _grid(count: int, *, size: float) -> tuple[Figure, list[Axes]]:
    """Return a figure of at most ten pictures a row and its axes, the first `count` of them switched on."""
    rows = -(-count // _COLUMNS)
    figure = Figure(figsize=(_COLUMNS * size, (rows + 0.15) * size * 1.22), layout="constrained")
    grid = list(figure.subplots(rows, _COLUMNS, squeeze=False).flat)
    for axes in grid:
        axes.axis("off")
    return figure, grid[:count]


def _verdict(axes: Axes, predicted: int, label: int) -> None:
    axes.set_title(str(predicted), fontsize=10, color=RIGHT if predicted == label else WRONG)
