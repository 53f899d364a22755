"""Blocks: how many images are worked on at a time, so that what is found for one never depends on the others.

The test images are cut by index into blocks, the unit of work: each is attacked by itself, and what was found is kept
when it is done. Inside a block every compiled function is asked about exactly `ROWS` images, the last ones padded, so
that it is compiled for one shape and splits its sums in one way. Where an image stands among the rows can still move
the last bit of a gradient: the same bytes come from the same block, the same verdicts from blocks of another size.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = 256  # asked at a time: measured as fast as 512, little padding in small sets, little memory for large images
BLOCK = 512  # images of a unit of work: minutes on a hardened model

Array = NDArray[Any]
Compiled = Callable[..., tuple[Any, ...]]


def cut(count: int, *, size: int = BLOCK) -> Iterator[NDArray[np.int64]]:
    """Yield the indices of `count` images, a block at a time."""
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))


def ask(compiled: Compiled, *arrays: Array) -> list[Array]:
    """Ask a compiled function about images, `ROWS` at a time, and return what it says of each, array by array.

    The function is handed which rows are images, bool (ROWS,), and then `arrays`, each (n, ...) cut to ROWS rows; the
    rows behind the last image repeat one, and are dropped from the answer.
    """
    parts = [_once(compiled, [array[start : start + ROWS] for array in arrays]) for start in _starts(arrays)]
    return [np.concatenate(each) for each in zip(*parts, strict=True)]


def _starts(arrays: tuple[Array, ...]) -> range:
    return range(0, max(len(arrays[0]), 1), ROWS)


def _once(compiled: Compiled, arrays: list[Array]) -> list[Array]:
    count = len(arrays[0])
    padded = [_padded(array) for array in arrays]
    return [each.numpy()[:count] for each in compiled(np.arange(ROWS) < count, *padded)]


def _padded(array: Array) -> Array:
    missing = ROWS - len(array)
    if not missing:
        return array
    filling = array[:1] if len(array) else np.zeros((1, *array.shape[1:]), array.dtype)
    return np.concatenate([array, np.repeat(filling, missing, axis=0)])
