"""Blocks that workers prove: linear bounds of images, as this process would have them."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robust_digits.certify.linear_bounds import LinearBounds
from robust_digits.crew.engine import awaited
from robust_digits.crew.means import Means, ready
from robust_digits.data.images import ImageSet

_AHEAD = 64  # proofs that are asked before the first answer is seen: as many workers have something to do


class Provers:
    """The workers of an executor, who all prove what they can of one model."""

    def __init__(self, executor: Executor, model: Path, *, threads: int) -> None:
        """Take an executor, the file of the model, and the number of threads inside an operation."""
        self._executor, self._means = executor, Means.here(model, threads=threads)

    def certify(self, blocks: Iterable[ImageSet], *, eps: float) -> Iterator[NDArray[np.bool_]]:
        """Yield which images of each block linear bounds prove within `eps`, in order.

        Whoever has seen enough and takes no more spares the workers the rest, all but what was asked ahead.

        Raises
        ------
        InputError
            If the cluster is gone, if a block ended several workers, or if a worker has other code or none.
        """
        futures: deque[Future[NDArray[np.bool_]]] = deque()
        with awaited(futures):
            for few in blocks:
                futures.append(self._executor.submit(certify, self._means, few, eps))
                if len(futures) == _AHEAD:
                    yield futures.popleft().result()
            while futures:
                yield futures.popleft().result()


def certify(means: Means, few: ImageSet, eps: float) -> NDArray[np.bool_]:
    """Return which images of a block (n,) linear bounds prove, on a worker.

    Raises
    ------
    InputError
        If this worker cannot find the same.
    """
    with ready(means):
        return _bounds(means, few.images.shape[1:]).certified(few, eps=eps)


@lru_cache(maxsize=1)
def _bounds(means: Means, shape: tuple[int, ...]) -> LinearBounds:
    """Return the linear bounds of a model for images of a shape, compiled once for all blocks of it."""
    return LinearBounds(means.load(), shape)
