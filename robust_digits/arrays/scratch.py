"""Large arrays that a stage needs for a while: on disk, so that memory does not grow with the data."""

import errno
import math
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from robust_digits.files import allocate, check_room

_LARGE = 2**26  # bytes from which on an array lies on disk
_CHUNK = 2**24  # bytes that are moved at a time
_NO_FILES_HERE = {errno.EACCES, errno.EPERM, errno.EROFS}


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an array to fill: in memory or, where it is large, mapped from a file in the current folder.

    The file has no name, so that nothing is left of it, however the process ends. A full disk is an OSError now, and
    not a signal later. In a folder that cannot be written to, the array is in memory.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < _LARGE:
        return np.empty(shape, dtype)
    here = Path.cwd()
    try:
        with tempfile.TemporaryFile(dir=here) as file:
            check_room(here, size)
            allocate(file, size)
            mapped: np.memmap[Any, Any] = np.memmap(file, dtype, "r+", shape=shape)
    except OSError as error:
        if error.errno in _NO_FILES_HERE:
            return np.empty(shape, dtype)
        if error.errno == errno.ENOMEM:
            raise MemoryError(f"expected room for {size:,} bytes in the address space") from None
        error.filename = error.filename or str(here)
        raise
    return mapped


def copied(whole: NDArray[Any]) -> NDArray[Any]:
    """Return an array that may be changed, of what is in another one."""
    array = empty(whole.shape, whole.dtype)
    for part in chunks(whole):
        array[part] = whole[part]
    return array


def joined(parts: Iterable[NDArray[Any]], shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an array of the rows of all parts, in order, which are as many as its shape says."""
    array, start = empty(shape, dtype), 0
    for part in parts:
        array[start : start + len(part)] = part
        start += len(part)
    return array


def filled(source: IO[bytes], shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an array read from what is left of a file; EOFError if that is too short."""
    array = empty(shape, dtype)
    content = array.reshape(-1).view(np.uint8)
    for start in range(0, len(content), _CHUNK):
        part = content[start : start + _CHUNK]
        read = np.frombuffer(source.read(len(part)), np.uint8)
        if len(read) < len(part):
            raise EOFError(f"expected {len(content):,} bytes, got {start + len(read):,}")
        part[:] = read
    return array


def taken(whole: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
    """Return the named rows of an array."""
    array = empty((len(rows), *whole.shape[1:]), whole.dtype)
    for part in chunks(array):
        array[part] = whole[rows[part]]
    return array


def chunks(array: NDArray[Any]) -> Iterator[slice]:
    """Yield the rows of an array, so many at a time as may be in memory."""
    count = max(_CHUNK // max(math.prod(array.shape[1:]) * array.itemsize, 1), 1)
    for start in range(0, len(array), count):
        yield slice(start, min(start + count, len(array)))
