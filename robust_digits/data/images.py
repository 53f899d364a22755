"""A labelled image set: a folder with `images.npy`, `labels.npy` and their checksums, `SHA256SUMS`."""

import hashlib
import io
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.errors import InputError
from robust_digits.files import allocate, check_room, replacing

IMAGE_DIMENSIONS = 4  # n, height, width, channels
MOST_CLASSES = 100_000  # more than any set of images has
IMAGES, LABELS, _SUMS = "images.npy", "labels.npy", "SHA256SUMS"
CHUNK = 4096  # images checked or copied at a time: memory does not grow with the set


@dataclass(frozen=True)
class ImageSet:
    """Images and their labels, one for one.

    `images` is float32 of shape (n, height, width, channels) with values in [0, 1]; `labels` is int64 of shape (n,).
    Both may be memory maps.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> "ImageSet":
        """Return the named rows as a set."""
        return ImageSet(self.images[rows], self.labels[rows])

    def batches(self, size: int = CHUNK) -> Iterator["ImageSet"]:
        """Yield the set in order, `size` images at a time."""
        for start in range(0, len(self), size):
            yield self[start : start + size]


def load(folder: Path) -> ImageSet:
    """Open the image set in a folder without reading it into memory.

    Every byte is compared with the checksums, where the folder has them: DVC takes a file whose time stamp and size
    stayed for unchanged. Sets that other programs wrote need none.

    Raises
    ------
    InputError
        If an array is missing, unreadable, altered, or not what `ImageSet` promises.
    """
    arrays = ImageSet(*opened(folder))
    check(arrays, where=folder)
    return arrays


def opened(folder: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the arrays of a folder as `load` does, whatever their shapes and types are."""
    arrays = _open(folder / IMAGES), _open(folder / LABELS)
    _check_sums(folder)
    return arrays


def save(folder: Path, parts: Iterable[ImageSet], *, count: int) -> None:
    """Write parts one after another as one image set of `count` images, checking each.

    Raises
    ------
    InputError
        If a part is not what `ImageSet` promises, or the parts do not add up to `count` images.
    """
    with replacing(folder) as temporary:
        temporary.mkdir()
        images = labels = None
        filled = 0
        for part in parts:
            check(part, where=folder)
            if images is None or labels is None:
                shape = (count, *part.images.shape[1:])
                images = _create(temporary / IMAGES, np.float32, shape)
                labels = _create(temporary / LABELS, np.int64, (count,))
            rows = slice(filled, filled + len(part))
            if rows.stop > count or part.images.shape[1:] != images.shape[1:]:
                raise InputError(
                    f"{folder}: expected {count} images of shape {images.shape[1:]}, "
                    f"got {len(part)} of shape {part.images.shape[1:]} after the first {filled}"
                )
            images[rows], labels[rows] = part.images, part.labels
            filled = rows.stop
        if filled != count or images is None or labels is None:
            raise InputError(f"{folder}: expected {count} images (one at least), got {filled}")
        images.flush()
        labels.flush()
        (temporary / _SUMS).write_text(_sums(temporary), encoding="utf-8", newline="\n")


def check(arrays: ImageSet, *, where: object) -> None:
    """Raise `InputError`, naming `where`, unless the arrays are what `ImageSet` promises and hold an image."""
    images, labels = arrays.images, arrays.labels
    if images.dtype != np.float32 or images.ndim != IMAGE_DIMENSIONS:
        raise InputError(
            f"{where}: expected images as float32 of shape (n, height, width, channels), "
            f"got {images.dtype} of shape {images.shape}"
        )
    if labels.dtype != np.int64 or labels.ndim != 1:
        raise InputError(f"{where}: expected labels as int64 of shape (n,), got {labels.dtype} of shape {labels.shape}")
    if len(images) != len(labels):
        raise InputError(f"{where}: expected a label for each image, got {len(images)} images and {len(labels)} labels")
    if not images.size:
        raise InputError(f"{where}: expected one image at least, got shape {images.shape}")
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= MOST_CLASSES:
        raise InputError(f"{where}: expected labels in 0...{MOST_CLASSES - 1}, got {lowest} to {highest}")
    for start in range(0, len(images), CHUNK):
        chunk = images[start : start + CHUNK]
        low, high = float(chunk.min()), float(chunk.max())
        if not (low >= 0 and high <= 1):  # written so that NaN fails
            raise InputError(f"{where}: expected finite pixel values in [0, 1], got {low:g} to {high:g}")


def _create(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """Return a `.npy` file of the given size, to fill in place."""
    header = io.BytesIO()
    description = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, description)  # type: ignore[no-untyped-call]
    path.write_bytes(header.getvalue())
    size = header.tell() + math.prod(shape) * np.dtype(dtype).itemsize
    check_room(path.parent, size)
    with path.open("r+b") as file:
        allocate(file, size)
    created: np.memmap[Any, Any] = np.lib.format.open_memmap(path, "r+")  # type: ignore[no-untyped-call]
    return created


def _sums(folder: Path) -> str:
    """Return what `sha256sum images.npy labels.npy` prints in a folder."""
    lines = []
    for name in (IMAGES, LABELS):
        found = hashlib.sha256()
        with (folder / name).open("rb") as file:
            while block := file.read(2**20):
                found.update(block)
        lines.append(f"{found.hexdigest()}  {name}\n")
    return "".join(lines)


def _check_sums(folder: Path) -> None:
    try:
        expected = (folder / _SUMS).read_bytes()
        altered = _sums(folder).encode() != expected
    except FileNotFoundError:
        return
    if altered:
        raise InputError(
            f"{folder}: expected what {_SUMS} says, got other bytes; remove it, and `dvc repro` makes it anew"
        )


def _open(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.lib.format.open_memmap(path, "r")  # type: ignore[no-untyped-call]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `dvc repro` or `dvc checkout` makes it") from None
    except (ValueError, TypeError, OverflowError, SyntaxError, TokenError, UserWarning) as error:
        raise InputError(f"{path}: not a readable .npy array: {error}") from None
    return array
