"""Read the files of a data set, whatever their format: .npz, IDX (MNIST's own), CSV and CIFAR-10's own."""

import gzip
import math
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robust_digits.arrays import gz, memory, npz, numbers, scratch
from robust_digits.data import contents, parquet, pictures
from robust_digits.data.contents import Contents
from robust_digits.data.images import ImageSet
from robust_digits.data.published import UINT8_MAX, Split, image_set, plausible, single
from robust_digits.errors import DAMAGED, InputError, first_line, printable
from robust_digits.files import FULL

_DIGITS_MAX = 16  # the UCI digits count ink in 4x4 blocks of pixels
_CIFAR_SIDE = 32
_RECORD = 1 + 3 * _CIFAR_SIDE**2  # bytes of an image of CIFAR-10 and its label
_IDX_UINT8 = 8  # the type code of unsigned bytes
_MEMBERS = ("x_train", "y_train", "x_test", "y_test")


def read(folder: Path, *, size: int) -> Split:
    """Read the data set in a folder, whatever its format; images become float32 in [0, 1].

    One of: `*.npz` with x_train, y_train, x_test, y_test; IDX files whose names hold `train` or `t10k`/`test`, and
    `images` or `labels`; one CSV file, or two whose names hold `train` and `test`, the label first; `.gz` is read too.
    CIFAR-10's `data_batch_*.bin` and `test_batch.bin`; parquet files and folders of images, which are made `size` x
    `size` pixels at once: they need not be of one size.

    Raises
    ------
    InputError
        If no format fits, or a file is truncated, malformed, larger than memory by what it declares, or holds
        anything but labelled images on which something is to be seen.
    """
    found = contents.inside(folder)
    try:
        split = _read(found, folder, size=size)
    except InputError as error:  # the names of files are whatever an archive called them
        raise InputError(printable(str(error))) from None
    return plausible(split, where=folder)


def _read(found: Contents, folder: Path, *, size: int) -> Split:
    files = found.files(folder)
    if found.kind == contents.PICTURES:
        return pictures.read(folder / found.around, files, size=size)
    if found.kind == contents.PARQUET:
        return parquet.read(files, size=size)
    reader = {contents.NPZ: _npz, contents.IDX: _idx, contents.CSV: _csv, contents.CIFAR: _cifar}[found.kind]
    return reader(files)


def read_digits(path: Path) -> Split:
    """Read scikit-learn's digits: 64 pixels in 0...16, then the label, one image a line."""
    table = numbers.read(path)
    if table.shape[1] != 8 * 8 + 1:
        raise InputError(f"{path}: expected 64 pixels and a label a line, got {table.shape[1]} numbers")
    images = table[:, :-1].reshape(-1, 8, 8)
    return Split(image_set(images, table[:, -1], where=path, white=_DIGITS_MAX), None)


def _npz(files: list[Path]) -> Split:
    path = single(files, files, "a single .npz file")
    try:
        with zipfile.ZipFile(path) as archive:
            _check_declared(archive, where=path)
            x_train, y_train, x_test, y_test = (npz.array(archive, name) for name in _MEMBERS)
    except InputError:
        raise
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        raise InputError(
            f"{path}: expected arrays x_train, y_train, x_test and y_test in an intact .npz file: {first_line(error)}"
        ) from None
    return Split(
        image_set(x_train, y_train, where=f"{path} (train)", white=UINT8_MAX),
        image_set(x_test, y_test, where=f"{path} (test)", white=UINT8_MAX),
    )


def _check_declared(archive: zipfile.ZipFile, *, where: Path) -> None:
    """Refuse arrays that are too many or too large by what their headers say, before any is read."""
    size = npz.size(archive, _MEMBERS)
    memory.check(0, raw=size, where=where)
    shapes = npz.shapes(archive, _MEMBERS)
    for part in ("train", "test"):
        images, labels = shapes[f"x_{part}"], shapes[f"y_{part}"]
        if images and labels and images[0] != labels[0]:
            raise InputError(
                f"{where} ({part}): expected a label for each image, got {images[0]} images and {labels[0]} labels"
            )
    memory.check(math.prod(shapes["x_train"]) + math.prod(shapes["x_test"]), raw=size, where=where)


def _idx(files: list[Path]) -> Split:
    def part(*names: str) -> ImageSet:
        chosen = [file for file in files if any(name in file.name for name in names)]
        images = single(files, [file for file in chosen if "images" in file.name], f"one IDX file of {names[0]} images")
        labels = single(files, [file for file in chosen if "labels" in file.name], f"one IDX file of {names[0]} labels")
        return image_set(_idx_array(images), _idx_array(labels), where=images, white=UINT8_MAX)

    return Split(part("train"), part("test", "t10k"))


def _csv(files: list[Path]) -> Split:
    def part(path: Path) -> ImageSet:
        table = numbers.read(path)
        pixels = table.shape[1] - 1
        side = round(pixels**0.5)
        if side * side != pixels or not side:
            raise InputError(f"{path}: expected a label and a square number of pixels a line, got {pixels} pixels")
        return image_set(table[:, 1:].reshape(-1, side, side), table[:, 0], where=path, white=UINT8_MAX)

    if len(files) == 1:
        return Split(part(files[0]), None)
    train = single(files, [file for file in files if "train" in file.name], "one .csv file with train in its name")
    test = single(files, [file for file in files if "test" in file.name], "one .csv file with test in its name")
    return Split(part(train), part(test))


def _cifar(files: list[Path]) -> Split:
    size = sum(path.stat().st_size for path in files)
    memory.check(size, raw=2 * size, where=files[0].parent)

    def part(paths: list[Path]) -> ImageSet:
        found = [_records(path) for path in paths]
        records = scratch.joined(found, (sum(map(len, found)), _RECORD), np.uint8)
        images = records[:, 1:].reshape(-1, 3, _CIFAR_SIDE, _CIFAR_SIDE).transpose(0, 2, 3, 1)
        return image_set(images, records[:, 0], where=paths[0], white=UINT8_MAX)

    test = single(files, [file for file in files if "test" in file.name], "test_batch.bin")
    train = [file for file in files if file != test]
    if not train:
        raise InputError(f"{test.parent}: expected data_batch_1.bin and more, got {test.name} alone")
    return Split(part(train), part([test]))


def _records(path: Path) -> NDArray[np.uint8]:
    """Read images of 32x32 pixels: a byte for the label, then all red values, all green and all blue ones, by rows."""
    size = path.stat().st_size
    if not size or size % _RECORD:
        raise InputError(f"{path}: expected {_RECORD} bytes an image, got {size} in all; truncated?")
    return np.memmap(path, np.uint8, "r", shape=(size // _RECORD, _RECORD))


def _idx_array(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file: two zero bytes, a type code, the number of dimensions, each as 32-bit big-endian, the data."""
    try:
        with gz.opened(path) as file:
            start = file.read(4)
            zeros, code, dimensions = struct.unpack(">HBB", start)
            shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
            size = math.prod(shape) if (zeros, code) == (0, _IDX_UINT8) else 0
            memory.check(size, raw=size, where=path)
            data = scratch.filled(file, (size,), np.uint8)
            more = len(file.read(1))
    except InputError:
        raise
    except (EOFError, struct.error, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: truncated or not an IDX file: {first_line(error)}") from None
    if zeros or code != _IDX_UINT8:
        raise InputError(f"{path}: expected an IDX file of unsigned bytes (00 00 08), got {start[:3].hex(' ')}")
    if more:
        raise InputError(f"{path}: expected {shape} values as its header says, got more")
    try:
        return data.reshape(shape)
    except ValueError as error:  # more dimensions than numpy has, or empty and huge
        raise InputError(f"{path}: expected an IDX file of images or labels: {first_line(error)}") from None
