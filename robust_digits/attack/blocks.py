"""Blocks: how many images are worked on at a time, so that what is found for one never depends on the others.

Images are cut into blocks, the unit of work: each is attacked by itself, and what was found is kept when it is done.
Every compiled function is asked about exactly `ROWS` images, so that it is compiled for one shape and splits its sums
in one way, and an image always stands in the same row, that of its index: where it stands can move the last bit of a
gradient, and so the sign of one that is nearly 0. So the same bytes are found for an image whichever other images are
asked about, in which order, and however blocks are cut.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = 128  # asked at a time: about as fast as 512 on two cores, and little padding in small sets
BLOCK = ROWS  # images of a unit of work, which is kept when it is done, or handed to another machine

Array = NDArray[Any]
Compiled = Callable[..., tuple[Any, ...]]


def cut(indices: NDArray[np.int64], *, size: int = BLOCK) -> Iterator[NDArray[np.int64]]:
    """Yield the places of images whose indices these are, a block at a time, so that each has a row of its own.

    Blocks are as full as that allows: of few images that are left of many pages, one block takes what several held.
    """
    for group in _groups(indices):
        for start in range(0, len(group), size):
            yield group[start : start + size]


def ask(compiled: Compiled, *arrays: Array, indices: NDArray[np.int64] | None = None) -> list[Array]:
    """Ask a compiled function about images, and return what it says of each, array by array.

    The function is handed which rows are images, bool (ROWS,), and then `arrays`, each (n, ...), as ROWS rows. An image
    stands in row `index % ROWS`; `indices` (n,) are all different, and 0 to n - 1 if None. What stands in the other
    rows is not looked at.
    """
    count = len(arrays[0])
    indices = np.arange(count) if indices is None else indices
    if not count:
        return [answer[:0] for answer in _once(compiled, [np.zeros((1, *a.shape[1:]), a.dtype) for a in arrays], [0])]
    groups = _groups(indices)
    parts = [_once(compiled, [array[group] for array in arrays], indices[group] % ROWS) for group in groups]
    order = np.argsort(np.concatenate(groups))
    return [np.concatenate(each)[order] for each in zip(*parts, strict=True)]


def _groups(indices: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the places of images in as few groups as there can be if no two of a group stand in the same row."""
    rows = indices % ROWS
    count = np.bincount(rows, minlength=ROWS)
    turn = np.empty_like(rows)  # how many images before it stand in the same row
    turn[np.argsort(rows, kind="stable")] = np.concatenate([np.arange(each) for each in count])
    return [np.flatnonzero(turn == number) for number in range(count.max())]


def _once(compiled: Compiled, arrays: list[Array], rows: NDArray[np.int64] | list[int]) -> list[Array]:
    """Ask about the images that stand in the named rows, and return what is said of them."""
    real = np.zeros(ROWS, np.bool_)
    real[rows] = True
    return [answer.numpy()[rows] for answer in compiled(real, *(_placed(array, rows) for array in arrays))]


def _placed(array: Array, rows: NDArray[np.int64] | list[int]) -> Array:
    """Return ROWS rows, those named out of `array`, the others filled with its first."""
    placed = np.repeat(array[:1], ROWS, axis=0)
    placed[rows] = array
    return placed
