"""A model that answers by chance, or by what stands beside an image, is found out."""

import numpy as np
import pytest
from support.evaluations import CLASSES, SIDE, before, dense, digits

from robust_digits.attack.classifier import Classifier
from robust_digits.data.images import ImageSet
from robust_digits.judge import indicators, sanity
from robust_digits.learn import networks
from robust_digits.learn.choices import Architecture
from robust_digits.runtime import keras, tf

pytestmark = pytest.mark.usefixtures("tensorflow")


class Noisy(keras.layers.GaussianNoise):  # type: ignore[misc] # Keras has no types
    """Noise as in training, also where the model is asked."""

    def call(self, inputs: tf.Tensor, **_: bool) -> tf.Tensor:
        """Add noise."""
        return super().call(inputs, training=True)


class Drawn(keras.layers.Layer):  # type: ignore[misc] # Keras has no types
    """Noise of a fixed seed, which is the same in every call, but another in every row."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Add noise."""
        return inputs + keras.random.normal(keras.ops.shape(inputs), stddev=0.01, seed=7)


class Normalized(keras.layers.BatchNormalization):  # type: ignore[misc] # Keras has no types
    """Mean and variance of the batch, also where the model is asked."""

    def call(self, inputs: tf.Tensor, **_: bool) -> tf.Tensor:
        """Normalize over the images that are asked about together."""
        return super().call(inputs, training=True)


def differences(model: keras.Model) -> tuple[float, float]:
    """Return the largest difference when asked twice, and among other images."""
    found = indicators.answers(Classifier(model), digits())
    return found["difference_on_repeat"], found["difference_between_rows"]


def wrapped(layer: keras.layers.Layer) -> keras.Model:
    """Return the model behind a layer."""
    return keras.Sequential([keras.layers.Input((SIDE, SIDE, 1)), layer, dense()])


def test_noise_in_every_call() -> None:
    """A layer that draws anew in every call differs when asked twice."""
    repeat, elsewhere = differences(wrapped(Noisy(0.01)))
    assert repeat > 0
    assert elsewhere > sanity.ROUNDING


def test_noise_of_tensorflow() -> None:
    """So does an operation that draws."""
    repeat, _ = differences(before(lambda logits: logits + tf.random.normal(tf.shape(logits), stddev=1e-3)))
    assert repeat > 0


def test_noise_by_row() -> None:
    """A layer whose draws are the same in every call gives an image in another row another answer."""
    repeat, elsewhere = differences(wrapped(Drawn()))
    assert repeat == 0
    assert elsewhere > sanity.ROUNDING


def test_answers_that_depend_on_the_batch() -> None:
    """A model that normalizes over the batch answers by what is asked beside an image."""
    repeat, elsewhere = differences(wrapped(Normalized()))
    assert repeat == 0
    assert elsewhere > sanity.ROUNDING


@pytest.mark.parametrize("architecture", ["one_convolution", "batch_normalized", "patches"])
def test_networks_answer_the_same(architecture: Architecture) -> None:
    """Rounding, where an image stands in another row, is far below the bound; dropout is at rest."""
    keras.utils.set_random_seed(0)
    model = networks.build(architecture, shape=(20, 20, 1), classes=CLASSES)
    images = np.random.default_rng(0).uniform(0, 1, (300, 20, 20, 1)).astype(np.float32)
    found = indicators.answers(Classifier(model), ImageSet(images, np.zeros(300, np.int64)))
    assert found["difference_on_repeat"] == 0
    assert found["difference_between_rows"] < sanity.ROUNDING / 10


def test_logits_of_zero() -> None:
    """A model that says nothing says it everywhere."""
    assert differences(dense(gain=0)) == (0, 0)


def test_logits_that_are_not_numbers() -> None:
    """NaN is no equal of itself, in no row."""
    assert np.isnan(differences(before(lambda logits: logits * np.nan))).all()
