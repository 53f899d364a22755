"""Draw how the gradient, put on an image, changes what the model takes it for."""

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
    """What of the gradient is `added` to an image, the `sum` of both, and what the model makes of it."""

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
) -> None:
    """Draw an image, and for each way to add the gradient of its loss, by its name, what the model makes of the sum."""
    figure = Figure(figsize=(12.5, 3.1 * len(moved)), layout="constrained")
    figure.suptitle(f"{what}, which is {label}, and what the gradient of its loss does to it", fontsize=12)
    grid = figure.add_gridspec(2 * len(moved), 5, width_ratios=(1, 1.25, 1.2, 1, 1.25))
    middle = len(moved) - 1  # in half rows, so that what belongs to every row stands between them
    first, answer = (figure.add_subplot(grid[middle : middle + 2, column]) for column in range(2))
    parts.image(first, image)
    first.set_title("the image")
    parts.bars(answer, before, label=label)
    answer.set_title(f"taken for {parts.surely(before)}")
    for row, (name, each) in enumerate(moved.items()):
        change, total, verdict = (figure.add_subplot(grid[2 * row : 2 * row + 2, column]) for column in (2, 3, 4))
        parts.scale(change, parts.perturbation(change, each.added), says="change of a pixel (red: lighter)")
        change.set_title(name, fontsize=11)
        parts.image(total, each.sum)
        total.set_title("the sum")
        parts.bars(verdict, each.after, label=label)
        verdict.set_title(f"taken for {parts.surely(each.after)}")
    parts.save(figure, path)
