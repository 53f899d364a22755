"""Every loss is Keras' own on the softmax of the logits, and still pulls where a probability rounds to 0 or 1."""

from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from robust_digits.learn.choices import Loss
from robust_digits.learn.losses import LOSSES
from robust_digits.runtime import keras, tf

pytestmark = pytest.mark.usefixtures("tensorflow")

TRUTH = np.array([0, 2, 1, 3, 3], np.int64)


def logits(scale: float) -> NDArray[np.float32]:
    """Return logits of four classes for the five images."""
    return (scale * np.random.default_rng(0).normal(size=(5, 4))).astype(np.float32)


def test_params_may_choose_every_loss() -> None:
    """The names that params.yaml may use are the names in the table."""
    assert set(get_args(Loss)) == set(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
def test_it_is_keras_own(name: Loss) -> None:
    """One value an image: what Keras computes of probabilities and one-hot labels."""
    outputs = logits(2.0)
    expected = getattr(keras.losses, name)(np.eye(4, dtype=np.float32)[TRUTH], tf.nn.softmax(outputs))
    np.testing.assert_allclose(LOSSES[name](TRUTH, outputs), expected, rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_certainty_is_finite(name: Loss) -> None:
    """Logits so far apart that probabilities round to 0 and 1 leave the loss and its gradient finite."""
    outputs = tf.constant(logits(1000.0))
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        losses = LOSSES[name](TRUTH, outputs)
    assert np.isfinite(losses).all()
    assert np.isfinite(tape.gradient(losses, outputs)).all()


@pytest.mark.parametrize("name", ["categorical_crossentropy", "binary_crossentropy", "poisson"])
def test_a_sure_mistake_is_mended(name: Loss) -> None:
    """Where the model is surely wrong the gradient raises the true class; clipped probabilities would leave it zero."""
    outputs = tf.constant([[0.0, 50.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        loss = LOSSES[name](np.array([0], np.int64), outputs)
    gradient = np.asarray(tape.gradient(loss, outputs))[0]
    assert gradient[0] < -0.1
    assert gradient[1] > 0.1
