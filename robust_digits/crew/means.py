"""What a worker is sent with every block, and how it is made ready for one: model, code, libraries and threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from robust_digits import runtime
from robust_digits.cache import code
from robust_digits.errors import InputError
from robust_digits.learn import models
from robust_digits.runtime import keras

_one_at_a_time = threading.Lock()  # the attacks of ART draw from the one generator of numpy
_started: list[int] = []  # the threads that TensorFlow was started with, in a worker


@dataclass(frozen=True)
class Means:
    """What a block is worked on with: the bytes of a `.keras` file, code and libraries, threads inside an operation.

    `code` names those of whoever asks; a worker with others would find something else.
    """

    model: bytes
    code: str
    threads: int

    @classmethod
    def here(cls, model: Path, *, threads: int) -> "Means":
        """Return those of this process, by the file of a model."""
        return cls(model.read_bytes(), code.fingerprint(), threads)

    def load(self) -> keras.Model:
        """Return the model."""
        with TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            path.write_bytes(self.model)
            return models.load(path)


@contextmanager
def ready(means: Means) -> Iterator[None]:
    """Hold this worker for one block, with TensorFlow started."""
    if means.code != code.fingerprint():
        raise InputError("a worker has other code or libraries than this process; install the same on both")
    with _one_at_a_time:
        _start(means.threads)
        yield


def _start(threads: int) -> None:
    """Start TensorFlow, which can be done once in a process."""
    if not _started:
        runtime.start(seed=0, threads=threads)  # attacks have seeds of their own
        _started.append(threads)
    if _started != [threads]:
        raise InputError(f"a worker has started with {_started[0]} threads, and is asked for {threads}; restart it")
