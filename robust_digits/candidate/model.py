"""Load anybody's Keras model and make it what attacks need: images of one shape in, logits out, the same weights.

Nothing that comes with the file is run: Keras' safe mode, and before it a look at which classes the file names.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robust_digits.candidate import archive, graph
from robust_digits.errors import InputError
from robust_digits.judge import indicators
from robust_digits.learn import models
from robust_digits.runtime import keras

_LOGITS = "ends in logits: judged as it is"
_TAKEN_OFF = "softmax at the end taken off: judged by the logits before it"
_LOGARITHM = "gives probabilities that cannot be taken apart: seen through their logarithm"
_RESHAPED = "images reshaped to what it expects"
_SMALLEST = 1e-37  # what a probability of 0 counts as: near the least of float32, so that its logarithm is finite
_CLOSE = 1e-4  # of probabilities that are to be the same
_FEW = 64  # images that show what a model gives
_IMAGE_AXES = 3


@dataclass(frozen=True)
class Candidate:
    """A model that gives logits (n, classes) for images of the data's shape, and in one line what was done to it."""

    model: keras.Model
    classes: int
    note: str


def load(path: Path, images: NDArray[np.float32]) -> Candidate:
    """Return the model in a `.keras` file, ready to be judged on `images`, float32 (n, height, width, channels).

    Raises
    ------
    InputError
        If the file is not a model, would run code of its own, or is no classifier of such images.
    """
    archive.refuse_foreign(path)
    model = models.load(path)
    reshaped = _check_shapes(model, images.shape[1:], where=path)
    model = graph.plain(model)
    few = np.asarray(images[:_FEW])
    shown = few.reshape(len(few), *reshaped) if reshaped else few
    before = np.asarray(model(shown, training=False))
    found, note = _logits(path, model, before, few=few, reshaped=reshaped)
    return Candidate(found, int(before.shape[-1]), f"{note}; {_RESHAPED}" if reshaped else note)


def _logits(
    path: Path, model: keras.Model, before: NDArray[np.float32], *, few: NDArray[np.float32], reshaped: tuple[int, ...]
) -> tuple[keras.Model, str]:
    """Return a model of the same answers whose last word is logits, and what was done for it.

    `before` is what the model answered for the `few` images.
    """
    shape = few.shape[1:]
    if not indicators.probabilities(before).all():
        return _fitted(model, shape, reshaped), _LOGITS
    bare = graph.without_softmax(model)
    if bare is not None:
        fitted = _fitted(bare, shape, reshaped)
        after = keras.ops.softmax(fitted(few, training=False))
        if np.allclose(before, after, atol=_CLOSE):
            return fitted, _TAKEN_OFF
    model = graph.plain(models.load(path))  # its last layer may have been changed above, and be used elsewhere too
    inputs = keras.Input(shape)
    outputs = _fitted(model, shape, reshaped)(inputs)
    return keras.Model(inputs, keras.ops.log(keras.ops.maximum(outputs, _SMALLEST))), _LOGARITHM


def _fitted(model: keras.Model, shape: tuple[int, ...], reshaped: tuple[int, ...]) -> keras.Model:
    """Return the model for images of one shape: a plain sequence of layers where it is one, which can be certified."""
    chain = graph.chain(model)
    if chain is not None:
        flat = chain and type(chain[0]) is keras.layers.Flatten
        front = [keras.layers.Reshape(reshaped)] if reshaped and not flat else []
        return keras.Sequential([keras.Input(shape), *front, *chain])
    if not reshaped and tuple(model.input_shape[1:]) == shape:
        return model
    inputs = keras.Input(shape)
    return keras.Model(inputs, model(keras.layers.Reshape(reshaped)(inputs) if reshaped else inputs))


def _check_shapes(model: keras.Model, shape: tuple[int, ...], *, where: Path) -> tuple[int, ...]:
    """Return the shape that images must be given for the model, () where it is their own.

    Raises
    ------
    InputError
        If the model does not take such images, or does not give one logit a class.
    """
    takes, _ = models.shapes(model, where=where)
    if models.fits(takes, shape):
        return ()
    for reshaped in (shape[:-1], (int(np.prod(shape)),)):
        if takes == reshaped and shape[-1] == 1:
            return reshaped
    raise InputError(models.other_images(takes, shape, where=where) + _hint(takes, shape))


def _hint(takes: tuple[int | None, ...], shape: tuple[int, ...]) -> str:
    if len(takes) != _IMAGE_AXES:
        return ""
    if models.fits(takes, (shape[-1], *shape[:-1])):
        return "; the model has channels first: TensorFlow on a CPU needs them last"
    if models.fits(takes, (*shape[1:], shape[0])):
        return "; the data has channels first: numpy.moveaxis(images, 1, -1) puts them last"
    return ""
