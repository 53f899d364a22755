"""Blocks: how many images are worked on at a time, so that what is found for one never depends on the others.

Images are cut into blocks, the unit of work: each is attacked by itself, and what was found is kept when it is done.
Every compiled function is asked about exactly `ROWS` images, so that it is compiled for one shape and splits its sums
in one way, and an image always stands in the same row, that of its index: where it stands can move the last bit of a
gradient, and so the sign of one that is nearly 0. So the same bytes are found for an image whichever other images are
asked about, in which order, and however blocks are cut. Attacks that go from image to image ask about one row: of many
all but one would be padding.
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
    for group in _groups(indices, ROWS):
        for start in range(0, len(group), size):
            yield group[start : start + size]


def ask(compiled: Compiled, *arrays: Array, indices: NDArray[np.int64] | None = None, rows: int = ROWS) -> list[Array]:
    """Ask a compiled function about images, and return what it says of each, array by array.

    The function is handed which rows are images, bool (rows,), and then `arrays`, each (n, ...), as so many `rows`. An
    image stands in row `index % rows`; `indices` (n,) are all different, and 0 to n - 1 if None. What stands in the
    other rows is not looked at.
    """
    count = len(arrays[0])
    indices = np.arange(count) if indices is None else indices
    if not count:
        arrays, indices = tuple(np.zeros((1, *array.shape[1:]), array.dtype) for array in arrays), np.arange(1)
    groups = _groups(indices, rows)
    parts = [_once(compiled, [array[group] for array in arrays], indices[group] % rows, rows) for group in groups]
    order = np.argsort(np.concatenate(groups))
    return [np.concatenate(each)[order][:count] for each in zip(*parts, strict=True)]


def _groups(indices: NDArray[np.int64], rows: int) -> list[NDArray[np.int64]]:
    """Return the places of images in as few groups as there can be if no two of a group stand in the same row."""
    places = indices % rows
    count = np.bincount(places, minlength=rows)
    turn = np.empty_like(places)  # how many images before it stand in the same row
    turn[np.argsort(places, kind="stable")] = np.concatenate([np.arange(each) for each in count])
    return np.split(np.argsort(turn, kind="stable"), np.cumsum(np.bincount(turn))[:-1])


def _once(compiled: Compiled, arrays: list[Array], places: NDArray[np.int64], rows: int) -> list[Array]:
    """Ask about the images that stand in the named places of so many rows, and return what is said of them."""
    real = np.zeros(rows, np.bool_)
    real[places] = True
    return [answer.numpy()[places] for answer in compiled(real, *(_placed(array, places, rows) for array in arrays))]


def _placed(array: Array, places: NDArray[np.int64], rows: int) -> Array:
    """Return so many rows, those named out of `array`, the others filled with its first."""
    placed = np.repeat(array[:1], rows, axis=0)
    placed[places] = array
    return placed
