"""Arrays in an `.npz` archive: by what their headers say, before any is read. None holds Python objects."""

import math
import zipfile
from collections.abc import Callable, Iterable
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.arrays import scratch

Header = tuple[tuple[int, ...], bool, np.dtype[Any]]  # the shape, whether it lies there by columns, the type

_HEADERS: dict[object, Callable[[IO[bytes]], Header]] = {  # by version
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def size(archive: zipfile.ZipFile, names: Iterable[str]) -> int:
    """Return how many bytes some arrays have in all; a KeyError if one is not there."""
    return sum(archive.getinfo(_file(name)).file_size for name in names)


def shapes(archive: zipfile.ZipFile, names: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of some arrays by their headers.

    Raises
    ------
    ValueError, or another of `errors.DAMAGED`
        If one is not there, or not as long as its header says.
    """
    return {name: _shape(archive, name) for name in names}


def array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """Return an array, mapped where it is large, if it is as its header says; else raise as `shapes` does."""
    with archive.open(_file(name)) as file:
        shape, fortran, dtype = header(file, name)
        found = scratch.filled(file, shape[::-1] if fortran else shape, dtype)
        if file.read(1):  # which compares the checksum too, at the end
            raise ValueError(f"{name} has more bytes than its header says")
    return found.T if fortran else found


def header(file: IO[bytes], name: str) -> Header:
    """Return what the header of an array says, at which the file stands; ValueError if it holds no plain numbers."""
    reader = _HEADERS.get(np.lib.format.read_magic(file))  # type: ignore[no-untyped-call]
    if reader is None:
        raise ValueError(f"{name} is of an .npy version that holds no plain numbers")
    shape, fortran, dtype = reader(file)
    if dtype.hasobject:
        raise ValueError(f"{name} holds Python objects, which are not loaded; save arrays of numbers")
    return shape, fortran, dtype


def _file(name: str) -> str:
    return f"{name}.npy"


def _shape(archive: zipfile.ZipFile, name: str) -> tuple[int, ...]:
    """Return the shape in the header of an array, which must be as long as that says."""
    entry = archive.getinfo(_file(name))
    with archive.open(entry) as file:
        shape, _, dtype = header(file, name)
        whole = file.tell() + math.prod(shape) * dtype.itemsize
    if entry.file_size != whole:
        raise ValueError(f"{name} has {entry.file_size:,} bytes where its header says {whole:,}")
    return shape
