"""Draw many digits side by side: what there is, what was crafted of it, and what models make of it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from robust_digits.data.images import ImageSet
from robust_digits.draw import parts
from robust_digits.draw.parts import RIGHT, WRONG
from robust_digits.judge.evidence import Evidence
from robust_digits.judge.views import CLEAN, FGM_TRANSFER, label

_COLUMNS = 10
_NINE = 9  # right and wrong predictions, as many as a square of three holds


def samples(path: Path, test: ImageSet, *, rows: int = 3) -> None:
    """Draw the first test images, with their labels."""
    few = test[: rows * _COLUMNS]
    figure, grid = _grid(len(few), size=1.0)
    figure.suptitle(f"the first {len(few)} of {len(test)} test images, and what each is", fontsize=11)
    for axes, image, true in zip(grid, few.images, few.labels, strict=True):
        parts.image(axes, image)
        axes.set_title(str(true), fontsize=9)
    parts.save(figure, path)


def mistakes(path: Path, test: ImageSet, evidence: Evidence, *, model: str, rows: int = 3) -> None:
    """Draw the first clean test images that the model gets wrong: predicted, then true label."""
    predicted = evidence.predictions[CLEAN]
    wrong = np.flatnonzero(predicted != evidence.labels)
    few = wrong[: rows * _COLUMNS]
    figure, grid = _grid(max(len(few), 1), size=1.3)
    shown = "" if len(few) == len(wrong) else f"; {len(few)} of {len(wrong)} shown"
    figure.suptitle(f"{model}: {len(wrong)} of {len(test)} clean test images wrong{shown}", fontsize=12)
    for axes, row in zip(grid, few, strict=False):
        parts.image(axes, test.images[row])
        axes.set_title(f"predicted {predicted[row]}, is {evidence.labels[row]}", fontsize=8.5, color=WRONG)
    parts.save(figure, path)


def predictions(path: Path, test: ImageSet, evidence: Evidence, *, model: str) -> None:
    """Draw the first nine clean test images that the model gets right, and beside them the first nine wrong ones."""
    predicted = evidence.predictions[CLEAN]
    figure = Figure(figsize=(12, 5.8), layout="constrained")
    sides = figure.subfigures(1, 2)
    for side, right, colour in zip(sides, (True, False), (RIGHT, WRONG), strict=True):
        rows = np.flatnonzero((predicted == evidence.labels) == right)
        side.suptitle(f"{model}: the first of {len(rows)} that are {'right' if right else 'wrong'}", fontsize=12)
        grid = list(side.subplots(3, 3).flat)
        for axes in grid:
            axes.axis("off")
        for axes, row in zip(grid, rows[:_NINE], strict=False):
            parts.image(axes, test.images[row])
            axes.set_title(f"predicted {predicted[row]}, is {evidence.labels[row]}", fontsize=10, color=colour)
    parts.save(figure, path)


def crafted(path: Path, train: ImageSet, adversarial: ImageSet, *, eps: float) -> None:
    """Draw the first training images above what the stage `craft` made of them."""
    few = min(_COLUMNS, len(adversarial))
    figure = Figure(figsize=(1.2 * few + 0.6, 3.2), layout="constrained")
    name = label(FGM_TRANSFER, eps).replace("transfer", "against the baseline")
    figure.suptitle(f"training images, and adversarial ones made of them: {name}", fontsize=12)
    grid = figure.subplots(2, few, squeeze=False)
    for row, images in zip(grid, (train, adversarial), strict=True):
        for axes, image in zip(row, images.images, strict=False):
            parts.image(axes, image)
    for axes, true in zip(grid[0], train.labels, strict=False):
        axes.set_title(f"is {true}", fontsize=10)
    for axes, name in zip(grid[:, 0], ("clean", "adversarial"), strict=True):
        axes.set_ylabel(name, fontsize=10)
    parts.save(figure, path)


def fooled(path: Path, adversarial: ImageSet, evidence: Evidence, *, model: str) -> None:
    """Draw the first ten adversarial test images of the stage `craft` that the model gets wrong, each by its number."""
    predicted = evidence.predictions[FGM_TRANSFER]
    wrong = np.flatnonzero(predicted != evidence.labels)
    figure, grid = _grid(max(len(wrong[:_COLUMNS]), 1), size=1.3)
    name = label(FGM_TRANSFER, evidence.made[FGM_TRANSFER].eps)
    figure.suptitle(f"{model}: {len(wrong)} of {len(adversarial)} test images wrong under {name}", fontsize=12)
    for axes, row in zip(grid, wrong, strict=False):
        parts.image(axes, adversarial.images[row])
        axes.set_title(f"image {row}\npredicted {predicted[row]}, is {evidence.labels[row]}", fontsize=8.5, color=WRONG)
    parts.save(figure, path)


def answers(path: Path, few: ImageSet, probabilities: NDArray[np.floating], *, model: str) -> None:
    """Draw images, ten a row, each above the probabilities (n, classes) that the model gives its classes."""
    rows = -(-len(few) // _COLUMNS)
    figure = Figure(figsize=(1.5 * _COLUMNS, 2.7 * rows + 0.4), layout="constrained")
    figure.suptitle(f"{model}: the first {len(few)} test images, what each is, and what it is taken for", fontsize=12)
    grid = figure.subplots(2 * rows, _COLUMNS, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for number, (image, true, shares) in enumerate(zip(few.images, few.labels, probabilities, strict=True)):
        above, below = grid[2 * (number // _COLUMNS) :, number % _COLUMNS][:2]
        parts.image(above, image)
        above.set_title(f"is {true}", fontsize=10, color=RIGHT if shares.argmax() == true else WRONG)
        below.axis("on")
        parts.bars(below, shares, label=int(true))
        below.tick_params(labelsize=7, labelleft=number % _COLUMNS == 0)
    parts.save(figure, path)


def _grid(count: int, *, size: float) -> tuple[Figure, Sequence[Axes]]:
    """Return a figure of at most ten pictures a row and its axes, the first `count` of them switched on."""
    rows = -(-count // _COLUMNS)
    figure = Figure(figsize=(_COLUMNS * size, (rows + 0.3) * size * 1.15), layout="constrained")
    grid = list(figure.subplots(rows, _COLUMNS, squeeze=False).flat)
    for axes in grid:
        axes.axis("off")
    return figure, grid[:count]
