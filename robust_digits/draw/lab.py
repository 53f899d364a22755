"""Draw how a multiple of the gradient, put on an image, changes what the model takes it for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from robust_digits.draw import parts

Pixels = NDArray[np.float32]  # (height, width, channels)
Probabilities = NDArray[np.float32]  # (classes,)


@dataclass(frozen=True)
class Moved:
    """An image with a multiple of the gradient `added`, the `sum` of both, and what the model makes of it."""

    added: Pixels
    sum: Pixels
    after: Probabilities


def pushed(
    path: Path,
    moved: Mapping[str, Moved],
    *,
    what: str,
    label: int,
    image: Pixels,
    before: Probabilities,
    gradient: Pixels,
) -> None:
    """Draw an image, its gradient, and for each way to add that, by its name, what the model makes of the sum."""
    figure = Figure(figsize=(14.5, 2.9 * len(moved)), layout="constrained")
    figure.suptitle(f"{what}, which is {label}, and a multiple of the gradient of its loss", fontsize=12)
    grid = figure.add_gridspec(2 * len(moved), 6, width_ratios=(1, 1.25, 1, 1.2, 1, 1.25))
    middle = len(moved) - 1  # in half rows, so that what belongs to every row stands between them
    first, answer, slope = (figure.add_subplot(grid[middle : middle + 2, column]) for column in range(3))
    parts.image(first, image)
    first.set_title("the image")
    parts.bars(answer, before, label=label)
    answer.set_title(f"taken for {parts.surely(before)}")
    parts.perturbation(slope, gradient)
    slope.set_title("gradient of the loss\n(red: lighter makes it worse)", fontsize=11)
    for row, (name, each) in enumerate(moved.items()):
        change, total, verdict = (figure.add_subplot(grid[2 * row : 2 * row + 2, column]) for column in (3, 4, 5))
        parts.scale(change, parts.perturbation(change, each.added), says="change of a pixel")
        change.set_title(name, fontsize=11)
        parts.image(total, each.sum)
        total.set_title("the sum")
        parts.bars(verdict, each.after, label=label)
        verdict.set_title(f"taken for {parts.surely(each.after)}")
    parts.save(figure, path)
