"""What training a model cost and left, beside its accuracies: seconds, weights, and its losses on images."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits import tables
from robust_digits.cache import stopwatch
from robust_digits.data import images
from robust_digits.data.images import ImageSet
from robust_digits.tables import Cell

COLUMNS = (
    "training_accuracy",
    "validation_accuracy",
    "test_loss",
    "test_squared_error",
    "weights",
    "seconds",
    "seconds_per_epoch",
)
_DECIMALS = 4
_BATCH = 2048


@dataclass(frozen=True)
class Measured:
    """What a model makes of an image set: the share that is right, and the mean of two losses.

    The cross-entropy is in nats; the squared error is the mean over classes of the squared distance of the
    probabilities to 1 for the true class and 0 for the others.
    """

    accuracy: float
    cross_entropy: float
    squared_error: float


def of(project: Path, model: str) -> dict[str, Cell]:
    """Return what a run of the pipeline in a folder left of a model, by the names of `COLUMNS`.

    The losses are cross-entropies and squared errors on all test images, whatever was minimized. Seconds are those of
    the training that made the file, and empty where it was made elsewhere; all is, where no such model was kept.
    """
    path = project / "models" / f"{model}.keras"
    if not path.exists():
        return dict.fromkeys(COLUMNS, "")
    from robust_digits.learn import models  # noqa: PLC0415 (TensorFlow takes seconds)

    _start()
    history = tables.read(project / "data" / "histories" / f"{model}.csv")
    train, test = (images.load(project / "data" / "normalized" / part) for part in ("train", "test"))
    loaded = models.load(path, test)
    training, left = measure(loaded, train), measure(loaded, test)
    seconds = stopwatch.recall(hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest())
    return {
        "training_accuracy": training.accuracy,
        "validation_accuracy": round(float(history[-1]["validation_accuracy"]), _DECIMALS),
        "test_loss": left.cross_entropy,
        "test_squared_error": left.squared_error,
        "weights": int(loaded.count_params()),
        "seconds": "" if seconds is None else round(seconds, 1),
        "seconds_per_epoch": "" if seconds is None else round(seconds / len(history), 2),
    }


def measure(model: Any, whole: ImageSet) -> Measured:  # noqa: ANN401 (a Keras model, whose type takes seconds)
    """Return what a model that gives logits makes of an image set."""
    from scipy.special import log_softmax, softmax  # noqa: PLC0415

    given, rows = logits(model, whole), np.arange(len(whole))
    labels = np.asarray(whole.labels)
    distance = softmax(given, axis=1)
    distance[rows, labels] -= 1
    measured = (
        np.mean(given.argmax(axis=1) == labels),
        -np.mean(log_softmax(given, axis=1)[rows, labels]),
        np.mean(np.square(distance)),
    )
    return Measured(*(round(float(value), _DECIMALS) for value in measured))


def logits(model: Any, whole: ImageSet) -> NDArray[np.float64]:  # noqa: ANN401 (as above)
    """Return what a model answers to each image, (n, classes)."""
    from robust_digits.runtime import tf  # noqa: PLC0415 (TensorFlow takes seconds)

    answer = tf.function(lambda batch: model(batch, training=False))
    starts = range(0, len(whole), _BATCH)
    parts = [answer(tf.constant(np.asarray(whole.images[at : at + _BATCH]))).numpy() for at in starts]
    answered: NDArray[np.float64] = np.concatenate(parts).astype(np.float64)
    return answered


@cache
def _start() -> None:
    """Start TensorFlow once in this process: what is measured is rounded, so that no thread shows."""
    from robust_digits import runtime  # noqa: PLC0415

    runtime.start(seed=0, threads=1)
