"""Train a network on labelled images: compiled steps, over images that are read from their file as they are needed."""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from robust_digits import tables
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.learn.choices import Optimizer
from robust_digits.learn.losses import Function, categorical_crossentropy, mean_squared_error
from robust_digits.runtime import as_written, keras, tf

OPTIMIZERS: dict[Optimizer, Callable[[float], Any]] = {
    "adam": keras.optimizers.Adam,
    "rmsprop": partial(keras.optimizers.RMSprop, rho=0.9, epsilon=1e-8),  # the tutorial's
    "rmsprop_keras": partial(keras.optimizers.RMSprop, rho=0.9, epsilon=1e-7),
    "adadelta": keras.optimizers.Adadelta,
    "adagrad": keras.optimizers.Adagrad,
    "adamax": keras.optimizers.Adamax,
    "nadam": keras.optimizers.Nadam,
    "sgd": keras.optimizers.SGD,
}
DECIMALS = 6  # of what a history tells
_VALIDATION_BATCH = 2048
_WINDOW = 2**24  # bytes of images that are copied into memory at a time

Objective = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""Images (n, height, width, channels) and labels (n,) to losses (n,), and logits (n, classes) to tell accuracy by."""
Distort = Callable[[Any], Any]  # a batch of images (n, height, width, channels) -> what the model is shown of it


@dataclass(frozen=True)
class Epoch:
    """What one epoch left: mean of the loss minimized and accuracy, in training with dropout, in validation without.

    Two more compare runs that minimize different losses: the cross-entropy (nats), and the squared error, which is the
    mean over classes of the squared distance of the probabilities to 1 for the true class and 0 for the others.
    """

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    validation_cross_entropy: float
    validation_mse: float

    def __str__(self) -> str:
        """Return the line that a person reads."""
        return (
            f"epoch {self.epoch}: loss {self.loss:.4f}, accuracy {self.accuracy:.4f}; "
            f"validation {self.validation_loss:.4f}, {self.validation_accuracy:.4f}"
        )


class Progress:
    """The numbers of the epochs to come, as a bar where somebody watches, else as a line an epoch."""

    def __init__(self, first: int, last: int, *, what: str) -> None:
        """Count from `first` to `last`, both included; `what` stands before the bar."""
        watched = sys.stderr.isatty()
        numbers = range(first, last + 1)
        self._bar = tqdm(numbers, desc=what, unit="epoch", initial=first - 1, total=last, disable=not watched)

    def __iter__(self) -> Any:  # noqa: ANN401 (an iterator of int, of a library without types)
        """Yield the number of each epoch."""
        return iter(self._bar)

    def tell(self, epoch: Epoch) -> None:
        """Show what an epoch left."""
        if self._bar.disable:
            print(epoch, flush=True)
        else:
            self._bar.set_postfix_str(str(epoch))


def train(  # noqa: PLR0913 (all but what is trained by keyword, as params.yaml has them)
    model: keras.Model,
    train: ImageSet,
    validation: ImageSet,
    *,
    optimizer: Optimizer,
    learning_rate: float,
    epochs: int,
    batch_size: int,
    seed: int,
    loss: Function = categorical_crossentropy,
    distort: Distort = lambda images: images,
    section: str = "train",
) -> list[Epoch]:
    """Train a model that gives logits, in place, and return its history.

    Minimizes the mean of `loss` over each batch, which `distort` may change. Every epoch visits every image once, in an
    order that `seed` draws; the last batch of an epoch is smaller where the sizes do not divide.

    Raises
    ------
    InputError
        If a loss or a weight is no finite number; `section` of params.yaml says how the model is trained.
    """

    def objective(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        logits = model(distort(images), training=True)
        return loss(labels, logits), logits

    step_through = compiled_epoch(model, train, objective, OPTIMIZERS[optimizer](learning_rate), batch_size)
    validate = compiled_validation(model, validation, loss)
    generator = np.random.default_rng(seed)
    history = []
    progress = Progress(1, epochs, what="training")
    for number in progress:
        with as_written():
            learnt = step_through(generator.permutation(len(train)))
        measured = (*learnt, *validate())
        epoch = Epoch(number, *(round(float(value), DECIMALS) for value in measured))
        history.append(epoch)
        progress.tell(epoch)
        error = divergence(model, epoch, section=section)
        if error:
            raise error
    return history


def divergence(model: keras.Model, epoch: Epoch, *, section: str) -> InputError | None:
    """Return the error that an epoch left a loss that is not finite, or a weight though no loss shows it; or None."""
    measured = all(math.isfinite(value) for value in astuple(epoch))
    if measured and all(np.isfinite(weight).all() for weight in model.get_weights()):
        return None
    what = "a weight" if measured else "a loss"
    return InputError(
        f"{section}: diverged in epoch {epoch.epoch}: {what} is no finite number; take a lower {section}.learning_rate"
    )


def save_history(path: Path, history: Sequence[Epoch]) -> None:
    """Write a history as CSV, one line an epoch."""
    columns = [field.name for field in fields(history[0])]
    tables.write(path, (dict(zip(columns, astuple(epoch), strict=True)) for epoch in history), columns=columns)


def compiled_epoch(
    model: keras.Model, train: ImageSet, objective: Objective, optimizer: keras.Optimizer, batch_size: int
) -> Callable[[NDArray[np.int64]], tuple[tf.Tensor, tf.Tensor]]:
    """Return a function: order of the images (n,) -> mean loss and accuracy of one epoch of training.

    Its steps are compiled; the images come from their file, a window of batches at a time.
    """
    optimizer.build(model.trainable_variables)

    @tf.function(input_signature=[*_window(train), *[tf.TensorSpec((), tf.float32)] * 2])
    def steps(images: tf.Tensor, labels: tf.Tensor, loss: tf.Tensor, right: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        for start in tf.range(0, tf.shape(labels)[0], batch_size):
            truth = labels[start : start + batch_size]
            with tf.GradientTape() as tape:
                losses, logits = objective(images[start : start + batch_size], truth)
                mean = tf.reduce_mean(losses)
            optimizer.apply(tape.gradient(mean, model.trainable_variables), model.trainable_variables)
            loss += tf.reduce_sum(losses)
            right += _right(logits, truth)
        return loss, right

    def run(order: NDArray[np.int64]) -> tuple[tf.Tensor, tf.Tensor]:
        loss = right = tf.constant(0.0)
        for few in _windows(train, order, batch_size=batch_size):
            loss, right = steps(few.images, few.labels, loss, right)
        return loss / len(train), right / len(train)

    return run


def compiled_validation(model: keras.Model, validation: ImageSet, loss: Function) -> Callable[[], tf.Tensor]:
    """Return a function: () -> mean loss, accuracy, cross-entropy and squared error on validation images."""

    @tf.function(input_signature=[*_window(validation), tf.TensorSpec((4,), tf.float32)])
    def batches(images: tf.Tensor, labels: tf.Tensor, sums: tf.Tensor) -> tf.Tensor:
        for start in tf.range(0, tf.shape(labels)[0], _VALIDATION_BATCH):
            truth = labels[start : start + _VALIDATION_BATCH]
            logits = model(images[start : start + _VALIDATION_BATCH], training=False)
            measures = [measure(truth, logits) for measure in (loss, categorical_crossentropy, mean_squared_error)]
            totals = [tf.reduce_sum(values) for values in measures]
            sums += tf.stack([totals[0], _right(logits, truth), *totals[1:]])
        return sums

    def run() -> tf.Tensor:
        sums = tf.zeros(4)
        for few in _windows(validation, np.arange(len(validation)), batch_size=_VALIDATION_BATCH):
            sums = batches(few.images, few.labels, sums)
        return sums / len(validation)

    return run


def _windows(whole: ImageSet, order: NDArray[np.int64], *, batch_size: int) -> Iterator[ImageSet]:
    """Yield images in an order, so many whole batches at a time that memory does not grow with the set."""
    batches = max(_WINDOW // (batch_size * whole.images[0].nbytes), 1)
    for start in range(0, len(order), batches * batch_size):
        yield whole[order[start : start + batches * batch_size]]


def _window(whole: ImageSet) -> list[tf.TensorSpec]:
    """Return what a compiled function takes of a set: some images and their labels."""
    return [tf.TensorSpec((None, *whole.images.shape[1:]), tf.float32), tf.TensorSpec((None,), tf.int64)]


def _right(logits: tf.Tensor, truth: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(tf.argmax(logits, 1) == truth, tf.float32))
