"""Tables of whole numbers in a text, as in CSV files."""

import gzip
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from robust_digits.arrays import gz, memory, scratch
from robust_digits.errors import DAMAGED, InputError, first_line

_LINE = 2**20  # characters that tell a header from numbers, and a block of text
_PART = 2**22  # characters of a table that are read at a time


def read(path: Path) -> NDArray[np.int64]:
    """Read a table of whole numbers separated by commas, a row a line; a first line that is not numbers is a header.

    It is measured before: what is packed small may be large.

    Raises
    ------
    InputError
        If a line holds anything else, or not as many numbers as the first; if there is none, or too many for memory.
    """
    try:
        first, most = _measured(path)
        with gz.opened(path) as packed:
            text = io.TextIOWrapper(packed, encoding="utf-8-sig")
            header = not any(_is_number(cell) for cell in first.split(","))
            if header:
                text.readline()
            table = _joined(_numbers(text, after=int(header)), most)
    except InputError:
        raise
    except (*DAMAGED, gzip.BadGzipFile, Warning) as error:
        raise InputError(f"{path}: expected lines of whole numbers separated by commas: {first_line(error)}") from None
    if not table.size:
        raise InputError(f"{path}: expected one image a line, got none")
    return table


def _numbers(text: TextIO, *, after: int) -> Iterator[NDArray[np.int64]]:
    """Yield a table, as many lines at a time as are to be in memory; empty ones and comments are left out."""
    while part := text.readlines(_PART):
        full = [line for line in part if line.partition("#")[0].strip()]
        if full:
            yield _parsed(full, after=after)
        after += len(part)


def _parsed(lines: list[str], *, after: int) -> NDArray[np.int64]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # for a fraction that would be cut
            return np.loadtxt(lines, np.int64, delimiter=",", ndmin=2)
    except (ValueError, Warning) as error:
        where = f", counted behind line {after:,}" if after else ""
        raise ValueError(f"{first_line(error)}{where}") from None


def _joined(parts: Iterator[NDArray[np.int64]], most: int) -> NDArray[np.int64]:
    """Return the rows of all parts, `most` at most, as one table."""
    table: NDArray[np.int64] = np.empty((0, 0), np.int64)
    filled = 0
    for part in parts:
        if not filled:
            table = scratch.empty((most, part.shape[1]), np.int64)
        if part.shape[1] != table.shape[1]:
            raise ValueError(f"the number of columns changed from {table.shape[1]} to {part.shape[1]}")
        table[filled : filled + len(part)] = part
        filled += len(part)
    return table[:filled]


def _measured(path: Path) -> tuple[str, int]:
    """Return how a text begins, and how many lines it has at most, if what it holds fits into memory.

    Once it is unpacked, that is a number of 8 bytes for two characters.
    """
    with gz.opened(path) as file:
        first = file.readline(_LINE)
        size, most = len(first), 1 + first.count(b"\n") + first.count(b"\r")  # of both together one line too many
        while block := file.read(_LINE):
            size += len(block)
            most += block.count(b"\n") + block.count(b"\r")
            memory.check(size // 2, raw=6 * size, where=path)
    return first.decode("utf-8-sig", errors="replace"), most


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
