"""Blocks that workers attack: what one needs to attack a block as this process would, to the byte."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack.suite import Done, Suite, craft
from robust_digits.attack.target import Images, Target
from robust_digits.crew.engine import awaited
from robust_digits.crew.means import Means, ready
from robust_digits.params import Section

_AHEAD = 256  # blocks that are asked about before the first answer is seen: as many workers have something to do


@dataclass(frozen=True)
class Task:
    """A block of images, how to attack it, and what with.

    `images` and `transfer` are float32 (n, height, width, channels), `labels` and `indices` int64 (n,).
    """

    means: Means
    norm: str | int
    eps: float
    seed: int
    name: str
    settings: Section
    images: Images
    labels: NDArray[np.int64]
    transfer: Images
    indices: NDArray[np.int64]


class Crew:
    """The workers of an executor, who all attack one model."""

    def __init__(self, executor: Executor, model: Path, *, threads: int) -> None:
        """Take an executor, the file of the model, and the number of threads inside an operation."""
        self._executor, self._means = executor, Means.here(model, threads=threads)

    def work(self, blocks: Iterable[tuple[int, Target]], settings: Section) -> Iterator[Done]:
        """Yield each block when it is done, in whatever order.

        Raises
        ------
        InputError
            If the cluster is gone, if a block ended several workers, or if a worker has other code or none.
        """
        asked: dict[Future[tuple[Images, float]], int] = {}
        with awaited(asked):
            for number, target in blocks:
                asked[self._executor.submit(attack, self._task(target, settings))] = number
                if len(asked) == _AHEAD:
                    yield from _answered(asked)
            while asked:
                yield from _answered(asked)

    def _task(self, target: Target, settings: Section) -> Task:
        return Task(
            means=self._means,
            norm=target.victim.norm,
            eps=target.eps,
            seed=target.seed,
            name=target.name,
            settings=settings,
            images=target.images,
            labels=target.labels,
            transfer=target.transfer,
            indices=target.indices,
        )


def _answered(asked: "dict[Future[tuple[Images, float]], int]") -> Iterator[Done]:
    """Wait for a block, yield those that are done, and take them out."""
    done = wait(asked, return_when=FIRST_COMPLETED).done
    for future in sorted(done, key=lambda each: each.cancelled() or each.exception() is not None):  # what is lost last
        images, seconds = future.result()
        yield Done(asked.pop(future), images, seconds)


def attack(task: Task) -> tuple[Images, float]:
    """Attack a block, on a worker; return what was found, and the seconds that it took.

    Raises
    ------
    InputError
        If this worker cannot find the same.
    """
    with ready(task.means):
        suite = _suite(task.means, task.norm, task.seed)
        suite.victim.eps = task.eps
        start = time.perf_counter()
        target = Target(task.images, task.labels, task.transfer, task.indices, suite.victim, task.seed, task.name)
        return craft(target, task.settings), time.perf_counter() - start


@lru_cache(maxsize=1)
def _suite(means: Means, norm: str | int, seed: int) -> Suite:
    """Return the attacks on a model, compiled once for all blocks of it."""
    return Suite(means.load(), eps=0.0, norm=norm, seed=seed)
