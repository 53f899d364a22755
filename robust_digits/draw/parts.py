"""What the pictures share: colours, an image, a perturbation, probabilities, and how a picture is saved."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from robust_digits.files import replacing
from robust_digits.judge.views import CERTIFIED, CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, WORST_CASE

RIGHT, WRONG, QUIET = "#2a7f3f", "#c0392b", "#b8bfc6"
_CLASSES, _LIKELIEST = 10, 5  # whose probabilities can be told apart beside each other
_RGB = 3
_TINY = 1e-6  # a change that a scale can be made of, where nothing changed
COLOURS = {  # of the views
    CLEAN: "#4c78a8",
    FGM_TRANSFER: "#f2a541",
    FGM_WHITE_BOX: "#c0392b",
    WORST_CASE: "#5b2333",
    CERTIFIED: RIGHT,
}


def image(axes: Axes, pixels: NDArray[np.float32]) -> None:
    """Draw an image (height, width, channels) in [0, 1], in colours if it has three channels, their mean if not."""
    colours = pixels.shape[-1] == _RGB
    axes.imshow(pixels if colours else pixels.mean(axis=-1), cmap=None if colours else "gray", vmin=0, vmax=1)
    _bare(axes)


def perturbation(axes: Axes, change: NDArray[np.float32], *, limit: float | None = None) -> AxesImage:
    """Draw darker pixels blue, lighter ones red, the scale symmetric about no change.

    The deepest colours stand for a change of `limit`, or of the largest one where none is given.
    """
    deepest = max(float(np.abs(change).max()) if limit is None else limit, _TINY)
    drawn = axes.imshow(change.mean(axis=-1), cmap="RdBu_r", vmin=-deepest, vmax=deepest)
    _bare(axes)
    return drawn


def scale(axes: Axes, drawn: AxesImage, *, says: str) -> None:
    """Draw beside a perturbation what its colours stand for."""
    bar = axes.inset_axes((1.06, 0, 0.07, 1))
    axes.figure.colorbar(drawn, cax=bar)
    bar.tick_params(labelsize=8)
    bar.set_ylabel(says, fontsize=8)


def bars(axes: Axes, probabilities: NDArray[np.floating], *, label: int) -> None:
    """Draw the probability of each class, the predicted one green where right and red where wrong.

    Of more than ten classes only the likeliest are drawn.
    """
    count, predicted = len(probabilities), int(probabilities.argmax())
    classes = range(count) if count <= _CLASSES else sorted(probabilities.argsort()[-_LIKELIEST:].tolist())
    drawn = axes.bar(range(len(classes)), probabilities[classes], color=QUIET)
    drawn[classes.index(predicted)].set_color(RIGHT if predicted == label else WRONG)
    axes.set_ylim(0, 1)
    axes.set_xticks(range(len(classes)), [str(each) for each in classes])
    axes.spines[["top", "right"]].set_visible(False)


def surely(probabilities: NDArray[np.float32]) -> str:
    """Return what probabilities (classes,) say, and how surely."""
    return f"{probabilities.argmax()} with {100 * probabilities.max():.0f}%"


def save(figure: Figure, path: Path) -> None:
    """Write a PNG without the name and version of its software, so that equal pictures are equal bytes."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120, metadata={"Software": None})


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
