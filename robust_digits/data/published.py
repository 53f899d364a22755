"""A data set as its publisher split it, and arrays of any kind as one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robust_digits.data.images import IMAGE_DIMENSIONS, ImageSet, check
from robust_digits.errors import InputError

UINT8_MAX = 255


@dataclass(frozen=True)
class Split:
    """A data set as its publisher split it; `test` is None where it did not. `notes` say what was made of the files."""

    train: ImageSet
    test: ImageSet | None
    notes: tuple[str, ...] = ()


def image_set(images: NDArray[np.generic], labels: NDArray[np.generic], *, where: object, white: int) -> ImageSet:
    """Scale whole numbers in 0...white, or check floats in [0, 1]; add the channel axis that grey images leave out."""
    if images.ndim == IMAGE_DIMENSIONS - 1:
        images = images[..., np.newaxis]
    if images.dtype.kind in "iu":
        low, high = (int(images.min()), int(images.max())) if images.size else (0, 0)
        if low < 0 or high > white:
            raise InputError(f"{where}: expected whole pixel values in 0...{white}, got {low} to {high}")
        images = images.astype(np.float32) / np.float32(white)
    elif images.dtype.kind != "f":
        raise InputError(f"{where}: expected pixels as whole numbers or floats, got {images.dtype}")
    if labels.dtype.kind not in "iu":
        raise InputError(f"{where}: expected labels as whole numbers, got {labels.dtype}")
    with np.errstate(over="ignore"):  # becomes infinity, which is refused below
        loaded = ImageSet(images.astype(np.float32, copy=False), labels.astype(np.int64))
    check(loaded, where=where)
    return loaded


def single(files: list[Path], fitting: list[Path], wanted: str) -> Path:
    """Return the one file that fits; InputError if none or several of `files` do."""
    if len(fitting) != 1:
        names = ", ".join(file.name for file in fitting) or f"none among {', '.join(file.name for file in files)}"
        raise InputError(f"{files[0].parent}: expected {wanted}, got {names}")
    return fitting[0]


def first_line(error: BaseException) -> str:
    """Return what an error says, in one line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
