"""Features are what the last layer with weights is given, wherever in the model it stands."""

import numpy as np
import pytest
from numpy.typing import NDArray
from support.evaluations import SIDE, dense, digits

from robust_digits.plant.features import Features
from robust_digits.runtime import keras, tf

pytestmark = pytest.mark.usefixtures("tensorflow")


def built(*layers: keras.layers.Layer) -> keras.Model:
    """Return a model of layers on the digits."""
    return keras.Sequential([keras.layers.Input((SIDE, SIDE, 1)), *layers])


def flat() -> NDArray[np.float32]:
    """Return the digits, an image a row."""
    return digits().images.reshape(len(digits()), -1)


@pytest.mark.parametrize("behind", [[], ["softmax"], ["linear", "relu"]], ids=["nothing", "a softmax", "two layers"])
def test_layers_without_weights_are_passed_over(behind: list[str]) -> None:
    """What comes after the last weights does not count."""
    hidden = keras.layers.Dense(7, activation="relu")
    last = [keras.layers.Activation(name) for name in behind]
    model = built(keras.layers.Flatten(), hidden, keras.layers.Dense(3), *last)
    np.testing.assert_allclose(Features(model).of(digits().images), hidden(flat()), atol=1e-6)


def test_models_inside_models() -> None:
    """A model that is a layer of another is looked into, at its end as in front."""
    np.testing.assert_array_equal(Features(built(keras.layers.Rescaling(2.0), dense())).of(digits().images), 2 * flat())
    np.testing.assert_array_equal(
        Features(keras.Sequential([dense(), keras.layers.Softmax()])).of(digits().images), flat()
    )


def test_features_of_many_axes_are_laid_flat() -> None:
    """A convolution at the end is given images, and its features are their pixels."""
    model = built(keras.layers.Conv2D(3, SIDE), keras.layers.Flatten())
    np.testing.assert_array_equal(Features(model).of(digits().images), flat())


def test_a_model_without_weights_has_its_logits() -> None:
    """Where no layer has weights there is nothing but the answer."""
    model = built(keras.layers.Flatten(), keras.layers.Lambda(lambda pixels: 3 * pixels[:, :2]))
    np.testing.assert_allclose(Features(model).of(digits().images), 3 * flat()[:, :2])


@pytest.mark.parametrize("adaptive", [False, True])
def test_gradients(*, adaptive: bool) -> None:
    """Both ways give the same features; only the adaptive one has a gradient where pixels are rounded in front."""
    model = built(keras.layers.Activation(tf.round), dense())
    images = tf.constant(digits().images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        found = Features(model).network(adaptive=adaptive)(images)
    np.testing.assert_allclose(found, np.round(flat()), atol=1e-6)
    slope = tape.gradient(found, images, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert bool(np.any(slope)) is adaptive


def test_the_model_is_left_as_it_was() -> None:
    """Listening to a layer does not change what the model answers afterwards."""
    model = dense()
    before = model(digits().images).numpy()
    Features(model).of(digits().images)
    np.testing.assert_array_equal(model(digits().images), before)
