"""Read anybody's labelled images: an `.npz` file, or a folder with `images.npy` and `labels.npy`."""

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.arrays import memory, npz
from robust_digits.data import images
from robust_digits.data.images import IMAGE_DIMENSIONS, ImageSet
from robust_digits.errors import DAMAGED, InputError, first_line, listed

_NAMES = (("images", "labels"), ("x_test", "y_test"), ("x", "y"))
_FLOAT32 = 4  # bytes


def load(path: Path) -> ImageSet:
    """Return the images in a file or folder, float32 (n, height, width, channels) in [0, 1], and their labels, int64.

    Raises
    ------
    InputError
        If something is missing, unreadable, or not what it must be.
    """
    if path.is_dir():
        pixels, labels = _folder(path)
    elif path.is_file():
        pixels, labels = _archive(path)
    else:
        raise InputError(f"{path}: no such file or folder; expected a .npz file or a folder of images.npy, labels.npy")
    found = ImageSet(_images(pixels, where=path), _labels(labels, where=path))
    images.check(found, where=path)
    return found


def left_out(labels: NDArray[np.int64], *, samples: int) -> str:
    """Say how many classes the first `samples` of the labels (n,) lack, as in data sorted by class; else nothing."""
    whole, few = (len(np.unique(each)) for each in (labels, labels[:samples]))
    if few == whole:
        return ""
    return f"the first {samples:,} images hold {few} of {whole} classes: shuffle the data, or take more SAMPLES"


def _folder(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the arrays of a folder as memory maps; images that become float32 must fit into memory as such."""
    there = [each.name for each in path.iterdir()]
    if not {images.IMAGES, images.LABELS} <= set(there):
        raise InputError(f"{path}: expected {images.IMAGES} and {images.LABELS}, got {listed(sorted(there))}")
    pixels, labels = images.opened(path)
    if pixels.dtype != np.float32:
        memory.check(0, raw=_FLOAT32 * pixels.size, where=path)
    return pixels, labels


def _archive(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the arrays of images and labels, whatever they are called."""
    try:
        with zipfile.ZipFile(path) as archive:
            there = [name.removesuffix(".npy") for name in archive.namelist()]
            names = next((names for names in _NAMES if set(names) <= set(there)), None)
            if names is not None:
                size = npz.size(archive, names)
                memory.check(0, raw=size, where=path)
                as_float32 = _FLOAT32 * math.prod(npz.shapes(archive, names)[names[0]])
                memory.check(0, raw=size + as_float32, where=path)
                return npz.array(archive, names[0]), npz.array(archive, names[1])
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"{path}: expected an intact .npz file: {first_line(error)}") from None
    raise InputError(f"{path}: expected arrays images and labels, x_test and y_test, or x and y, got {listed(there)}")


def _images(pixels: NDArray[Any], *, where: Path) -> NDArray[np.float32]:
    if pixels.dtype.kind not in "fiub":
        raise InputError(f"{where}: expected images as numbers in [0, 1], got {pixels.dtype}")
    if pixels.ndim not in {IMAGE_DIMENSIONS - 1, IMAGE_DIMENSIONS}:
        raise InputError(
            f"{where}: expected images of shape (n, height, width, channels) or (n, height, width), got {pixels.shape}"
        )
    if pixels.dtype.kind in "iu" or (pixels.size and float(pixels.max()) > 1):
        high = float(pixels.max()) if pixels.size else 0
        raise InputError(
            f"{where}: expected images as floats in [0, 1], got {pixels.dtype} up to {high:g}; divide by 255; "
            "a model that expects 0..255 can have a Rescaling(255) in front"
        )
    whole = pixels if pixels.ndim == IMAGE_DIMENSIONS else pixels[..., np.newaxis]
    return np.ascontiguousarray(whole, np.float32)


def _labels(labels: NDArray[Any], *, where: Path) -> NDArray[np.int64]:
    column = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels  # noqa: PLR2004 (a column)
    if column.dtype.kind not in "iu" or column.ndim != 1:
        raise InputError(
            f"{where}: expected labels as integers of shape (n,) or (n, 1), got {labels.dtype} of shape {labels.shape}"
            + ("; of one-hot labels take argmax(axis=1)" if labels.ndim > 1 else "")
        )
    return column.astype(np.int64)
