"""Read anybody's labelled images: an `.npz` file, or a folder with `images.npy` and `labels.npy`."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.data import images
from robust_digits.data.images import IMAGE_DIMENSIONS, ImageSet
from robust_digits.errors import DAMAGED, InputError, first_line

_NAMES = (("images", "labels"), ("x_test", "y_test"), ("x", "y"))


def load(path: Path) -> ImageSet:
    """Return the images in a file or folder, float32 (n, height, width, channels) in [0, 1], and their labels, int64.

    Raises
    ------
    InputError
        If something is missing, unreadable, or not what it must be.
    """
    if path.is_dir():
        return images.load(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file or folder; expected a .npz file or a folder of images.npy, labels.npy")
    pixels, labels = _arrays(path)
    found = ImageSet(_images(pixels, where=path), _labels(labels, where=path))
    images.check(found, where=path)
    return found


def check_labels(labels: NDArray[np.int64], *, classes: int, where: Path) -> None:
    """Raise `InputError` unless every label is a class of the model."""
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise InputError(f"{where}: expected labels 0 to {classes - 1}, the classes of the model, got {low} to {high}")


def left_out(labels: NDArray[np.int64], *, samples: int) -> str:
    """Say how many classes the first `samples` of the labels (n,) lack, as in data sorted by class; else nothing."""
    whole, few = (len(np.unique(each)) for each in (labels, labels[:samples]))
    if few == whole:
        return ""
    return f"the first {samples:,} images hold {few} of {whole} classes: shuffle the data, or take more SAMPLES"


def _arrays(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the arrays of images and labels, whatever they are called."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            there = getattr(archive, "files", ["a single array"])
            names = next((names for names in _NAMES if set(names) <= set(there)), None)
            if names is not None:
                declared = {member.filename: member.file_size for member in archive.zip.infolist()}
                raw = sum(declared.get(f"{name}.npy", 0) for name in names)
                images.check_memory(0, raw=2 * raw, where=path)  # as they are, and as float32
                return archive[names[0]], archive[names[1]]
    except DAMAGED as error:
        said = first_line(error)
        if "allow_pickle" in said:
            said = "it holds Python objects, which are not loaded; save arrays of numbers with numpy.savez"
        raise InputError(f"{path}: expected an intact .npz file: {said}") from None
    listed = ", ".join(there) or "nothing"
    raise InputError(f"{path}: expected arrays images and labels, x_test and y_test, or x and y, got {listed}")


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
