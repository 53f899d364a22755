"""One block as a task that can be sent: what a worker needs to attack it as this process would, to the byte."""

import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from robust_digits import runtime
from robust_digits.attack.suite import Done, Suite, craft
from robust_digits.attack.target import Images, Target
from robust_digits.cache import code
from robust_digits.crew import engine
from robust_digits.errors import InputError
from robust_digits.learn import models
from robust_digits.params import Section

_one_at_a_time = threading.Lock()  # the attacks of ART draw from the one generator of numpy
_started: list[int] = []  # the threads that TensorFlow was started with, in a worker


@dataclass(frozen=True)
class Task:
    """A block of images, how to attack it, and what with: the bytes of a `.keras` file.

    `images` and `transfer` are float32 (n, height, width, channels), `labels` and `indices` int64 (n,). `code` names
    the code and libraries of whoever asks; a worker with others would find something else.
    """

    model: bytes
    code: str
    threads: int
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
        self._executor, self._model, self._threads = executor, model.read_bytes(), threads

    def work(self, blocks: Iterable[tuple[int, Target]], settings: Section) -> Iterator[Done]:
        """Yield each block when it is done, in whatever order.

        Raises
        ------
        InputError
            If the cluster is gone, if a block ended several workers, or if a worker has other code or none.
        """
        futures = {self._executor.submit(attack, self._task(target, settings)): number for number, target in blocks}
        try:
            for future in as_completed(futures):
                images, seconds = future.result()
                yield Done(futures[future], images, seconds)
        except Exception as error:
            said = engine.mistake(error)
            if said is None:
                raise
            raise InputError(said) from None
        finally:
            for future in futures:
                future.cancel()

    def _task(self, target: Target, settings: Section) -> Task:
        return Task(
            model=self._model,
            code=code.fingerprint(),
            threads=self._threads,
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


def attack(task: Task) -> tuple[Images, float]:
    """Attack a block, on a worker; return what was found, and the seconds that it took.

    Raises
    ------
    InputError
        If this worker cannot find the same.
    """
    if task.code != code.fingerprint():
        raise InputError("a worker has other code or libraries than this process; install the same on both")
    with _one_at_a_time:
        _start(task.threads)
        suite = _suite(task.model, task.norm, task.seed)
        suite.victim.eps = task.eps
        start = time.perf_counter()
        target = Target(task.images, task.labels, task.transfer, task.indices, suite.victim, task.seed, task.name)
        return craft(target, task.settings), time.perf_counter() - start


def _start(threads: int) -> None:
    """Start TensorFlow, which can be done once in a process."""
    if not _started:
        runtime.start(seed=0, threads=threads)  # attacks have seeds of their own
        _started.append(threads)
    if _started != [threads]:
        raise InputError(f"a worker has started with {_started[0]} threads, and is asked for {threads}; restart it")


@lru_cache(maxsize=1)
def _suite(model: bytes, norm: str | int, seed: int) -> Suite:
    """Return the attacks on a model, compiled once for all blocks of it."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        path.write_bytes(model)
        return Suite(models.load(path), eps=0.0, norm=norm, seed=seed)
