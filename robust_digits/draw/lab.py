"""Draw how a multiple of the gradient, put on an image, changes what the model takes it for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from robust_digits.draw import parts

Pixels = NDArray[np.float32]  # (height, width, channels)
Probabilities = NDArray[np.float32]  # (classes,)


def hacked(path: Path, rows: Mapping[str, Mapping[str, Any]], *, label: int) -> None:
    """Draw a row for each way to add the gradient, by its name: from the image to what the model makes of the sum.

    A row has `image`, `gradient`, `added` and `sum` as `Pixels`, `before` and `after` as `Probabilities`.
    """
    figure = Figure(figsize=(13.5, 2.5 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), 6, squeeze=False, width_ratios=(1, 1.25, 1, 1, 1, 1.25))
    for axes, (name, row) in zip(grid, rows.items(), strict=True):
        for column, key, title in ((0, "image", "original picture"), (4, "sum", "hacked picture")):
            parts.image(axes[column], row[key])
            axes[column].set_title(title)
        for column, key, title in ((2, "gradient", "gradient"), (3, "added", name)):
            parts.perturbation(axes[column], row[key])
            axes[column].set_title(title)
        for column, key in ((1, "before"), (5, "after")):
            parts.bars(axes[column], row[key], label=label)
            axes[column].set_title(parts.surely(row[key]))
    parts.save(figure, path)
