"""Read the files of a data set in the formats that digit data come in: .npz, IDX (MNIST's own) and CSV."""

import gzip
import lzma
import struct
import tokenize
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from robust_digits.data.images import IMAGE_DIMENSIONS, ImageSet, check
from robust_digits.errors import InputError

UINT8_MAX = 255
_DIGITS_MAX = 16  # the UCI digits count ink in 4x4 blocks of pixels
_IDX_UINT8 = 8  # the type code of unsigned bytes
_BROKEN = (ValueError, EOFError, KeyError, Warning, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error)
_BROKEN_ARCHIVE = (  # a member's bytes reach Python's own parser; RuntimeError: encrypted; OSError: damaged bzip2
    *_BROKEN,
    TypeError,
    SyntaxError,
    tokenize.TokenError,
    OverflowError,
    MemoryError,
    RuntimeError,
    OSError,
    struct.error,
    lzma.LZMAError,
)


@dataclass(frozen=True)
class Split:
    """A data set as its publisher split it; `test` is None where it did not."""

    train: ImageSet
    test: ImageSet | None


def read(folder: Path) -> Split:
    """Read the data set in a folder, whatever its format; images become float32 in [0, 1].

    One of: `*.npz` with x_train, y_train, x_test, y_test; IDX files whose names hold `train` or `t10k`/`test`, and
    `images` or `labels`; one CSV file, or two whose names hold `train` and `test`, the label first. `.gz` is read too.

    Raises
    ------
    InputError
        If no format fits, or a file is truncated, malformed or holds anything but labelled images.
    """
    files = sorted(file for file in folder.glob("*") if file.is_file())
    readers = {".npz": _npz, "-ubyte": _idx, ".idx": _idx, ".csv": _csv}
    for ending, reader in readers.items():
        found = [file for file in files if file.name.removesuffix(".gz").endswith(ending)]
        if found:
            return reader(found)
    names = ", ".join(file.name for file in files) or "nothing"
    raise InputError(f"{folder}: expected a .npz file, four IDX files (*-ubyte) or one or two .csv files, got {names}")


def read_digits(path: Path) -> Split:
    """Read scikit-learn's digits: 64 pixels in 0...16, then the label, one image a line."""
    table = _table(path)
    if table.shape[1] != 8 * 8 + 1:
        raise InputError(f"{path}: expected 64 pixels and a label a line, got {table.shape[1]} numbers")
    images = table[:, :-1].reshape(-1, 8, 8)
    return Split(_image_set(images, table[:, -1], where=path, white=_DIGITS_MAX), None)


def _npz(files: list[Path]) -> Split:
    path = _single(files, files, "a single .npz file")
    try:
        with zipfile.ZipFile(path) as archive:
            x_train, y_train, x_test, y_test = (
                _member(archive, name) for name in ("x_train", "y_train", "x_test", "y_test")
            )
    except _BROKEN_ARCHIVE as error:
        raise InputError(
            f"{path}: expected arrays x_train, y_train, x_test and y_test in an intact .npz file: {_first_line(error)}"
        ) from None
    return Split(
        _image_set(x_train, y_train, where=f"{path} (train)", white=UINT8_MAX),
        _image_set(x_test, y_test, where=f"{path} (test)", white=UINT8_MAX),
    )


def _member(archive: zipfile.ZipFile, name: str) -> NDArray[np.generic]:
    with archive.open(f"{name}.npy") as file:
        array: NDArray[np.generic] = np.lib.format.read_array(file, allow_pickle=False)  # type: ignore[no-untyped-call]
        if file.read(1):
            raise ValueError(f"{name} has more values than its header says")
    return array


def _idx(files: list[Path]) -> Split:
    def part(*names: str) -> ImageSet:
        chosen = [file for file in files if any(name in file.name for name in names)]
        images = _single(
            files, [file for file in chosen if "images" in file.name], f"one IDX file of {names[0]} images"
        )
        labels = _single(
            files, [file for file in chosen if "labels" in file.name], f"one IDX file of {names[0]} labels"
        )
        return _image_set(_idx_array(images), _idx_array(labels), where=images, white=UINT8_MAX)

    return Split(part("train"), part("test", "t10k"))


def _csv(files: list[Path]) -> Split:
    def part(path: Path) -> ImageSet:
        table = _table(path)
        pixels = table.shape[1] - 1
        side = round(pixels**0.5)
        if side * side != pixels or not side:
            raise InputError(f"{path}: expected a label and a square number of pixels a line, got {pixels} pixels")
        return _image_set(table[:, 1:].reshape(-1, side, side), table[:, 0], where=path, white=UINT8_MAX)

    if len(files) == 1:
        return Split(part(files[0]), None)
    train = _single(files, [file for file in files if "train" in file.name], "one .csv file with train in its name")
    test = _single(files, [file for file in files if "test" in file.name], "one .csv file with test in its name")
    return Split(part(train), part(test))


def _single(files: list[Path], fitting: list[Path], wanted: str) -> Path:
    if len(fitting) != 1:
        names = ", ".join(file.name for file in fitting) or f"none among {', '.join(file.name for file in files)}"
        raise InputError(f"{files[0].parent}: expected {wanted}, got {names}")
    return fitting[0]


def _open(path: Path) -> BinaryIO:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]  # GzipFile reads


def _idx_array(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file: two zero bytes, a type code, the number of dimensions, each as 32-bit big-endian, the data."""
    try:
        with _open(path) as file:
            content = file.read()
        zeros, code, dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
    except (*_BROKEN, struct.error) as error:
        raise InputError(f"{path}: truncated or not an IDX file: {_first_line(error)}") from None
    if zeros or code != _IDX_UINT8:
        raise InputError(f"{path}: expected an IDX file of unsigned bytes (00 00 08), got {content[:3].hex(' ')}")
    data = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    if data.size != np.prod(shape, dtype=object):
        raise InputError(f"{path}: expected {shape} values as its header says, got {data.size}; truncated?")
    try:
        return data.reshape(shape)
    except ValueError as error:  # more dimensions than numpy has, or empty and huge
        raise InputError(f"{path}: expected an IDX file of images or labels: {_first_line(error)}") from None


def _table(path: Path) -> NDArray[np.int64]:
    """Read whole numbers separated by commas; a first line that is not numbers is a header."""
    try:
        with _open(path) as file:
            first = file.readline().decode("utf-8-sig")
        header = not any(_is_number(cell) for cell in first.split(","))
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # for an empty table, and for a fraction that would be cut
            table = np.loadtxt(path, np.int64, delimiter=",", skiprows=int(header), ndmin=2, encoding="utf-8-sig")
    except _BROKEN as error:
        raise InputError(f"{path}: expected lines of whole numbers separated by commas: {_first_line(error)}") from None
    if not table.size:
        raise InputError(f"{path}: expected one image a line, got none")
    return table


def _image_set(images: NDArray[np.generic], labels: NDArray[np.generic], *, where: object, white: int) -> ImageSet:
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


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
