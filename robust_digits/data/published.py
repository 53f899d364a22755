"""A data set as its publisher split it, and arrays of any kind as one."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robust_digits.arrays import scratch
from robust_digits.data.images import IMAGE_DIMENSIONS, ImageSet, check
from robust_digits.errors import InputError, listed

UINT8_MAX = 255
_CHANNELS = (1, 3)
_BLANK = 1.001 / UINT8_MAX  # a range of pixels in which nothing is to be seen: 0 and 1 of 255, with rounding
_PALE = 0.5  # and one that whoever photographs or draws digits does not end up with


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
    if images.ndim == IMAGE_DIMENSIONS and images.shape[-1] not in _CHANNELS:
        raise InputError(
            f"{where}: expected images of shape (n, height, width, channels) with 1 or 3 channels, got {images.shape}"
            + "; channels come last: numpy.moveaxis(images, 1, -1)" * (images.shape[1] in _CHANNELS)
        )
    if not images.size:
        raise InputError(f"{where}: expected one image at least, got shape {images.shape}")
    white_as = None
    if images.dtype.kind in "iu":
        low, high = int(images.min()), int(images.max())
        if low < 0 or high > white:
            raise InputError(f"{where}: expected whole pixel values in 0...{white}, got {low} to {high}")
        white_as = np.float32(white)
    elif images.dtype.kind != "f":
        raise InputError(f"{where}: expected pixels as whole numbers or floats, got {images.dtype}")
    if labels.dtype.kind not in "iu":
        raise InputError(f"{where}: expected labels as whole numbers, got {labels.dtype}")
    with np.errstate(over="ignore"):  # becomes infinity, which is refused below
        loaded = ImageSet(_as_float32(images, white=white_as), labels.astype(np.int64))
    check(loaded, where=where)
    return loaded


def _as_float32(values: NDArray[np.generic], *, white: np.float32 | None) -> NDArray[np.float32]:
    """Return images as float32, divided by `white` if there is one; what is no images is left to be refused."""
    if values.ndim != IMAGE_DIMENSIONS or values.dtype == np.float32:
        same: NDArray[np.float32] = values.astype(np.float32, copy=False)
        return same
    found = scratch.empty(values.shape, np.float32)
    for rows in scratch.chunks(found):
        if white is None:
            found[rows] = values[rows].astype(np.float32)
        else:
            np.divide(values[rows], white, out=found[rows], dtype=np.float32)
    return found


def single(files: list[Path], fitting: list[Path], wanted: str) -> Path:
    """Return the one file that fits; InputError if none or several of `files` do."""
    if len(fitting) != 1:
        names = listed(file.name for file in fitting or files)
        raise InputError(f"{files[0].parent}: expected {wanted}, got {'' if fitting else 'none among '}{names}")
    return fitting[0]


def plausible(split: Split, *, where: object) -> Split:
    """Return a split with a note for each part whose pixels are of a narrow range; they may be right, and are kept.

    Raises
    ------
    InputError
        If nothing is to be seen on the images of a part, or the parts differ in their channels.
    """
    parts = {"train": split.train} if split.test is None else {"train": split.train, "test": split.test}
    channels = {name: part.images.shape[-1] for name, part in parts.items()}
    if len(set(channels.values())) > 1:
        got = " and ".join(f"{number} ({name})" for name, number in channels.items())
        raise InputError(f"{where}: expected training and test images with the same number of channels, got {got}")
    notes = [note for name, part in parts.items() for note in _seen(part.images, where=f"{where} ({name})")]
    return replace(split, notes=(*split.notes, *notes))


def _seen(images: NDArray[np.float32], *, where: str) -> list[str]:
    """Return what there is to say of the range of pixels: a line or none."""
    low, high = float(images.min()), float(images.max())
    shown = f"{low:.4g} to {high:.4g}, or {round(low * UINT8_MAX)} to {round(high * UINT8_MAX)} of {UINT8_MAX}"
    if high - low <= _BLANK:
        raise InputError(f"{where}: expected pixels from black to white, 0 to 1 or 0 to {UINT8_MAX}, got {shown}")
    return [f"warning: {where}: the pixels are {shown} only; are they scaled as they should be?"] * (high - low < _PALE)
