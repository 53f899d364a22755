"""A model is taken apart into steps whatever its graph; what has no bounds is refused by its name and class."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.bounded import CLASSES, KINDS, SIDE, answered, network, noise

from robust_digits.certify import interval_bounds
from robust_digits.certify.boxes import PROOF, Box, propagate
from robust_digits.certify.graph import steps
from robust_digits.learn.models import load, save
from robust_digits.runtime import keras, tf

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]

layers = keras.layers


@pytest.mark.parametrize("kind", KINDS)
def test_steps_do_what_the_model_does(kind: str) -> None:
    """A box of one point goes through the steps as the point through the model."""
    model, images = network(kind), noise(5).images
    point = tf.constant(images, tf.float64)
    *_, found = propagate(steps(model), [Box(point, tf.zeros_like(point))], PROOF)
    np.testing.assert_allclose(found.centre, model(images, training=False), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["residual", "nested"])
def test_a_graph_is_certified_at_a_small_eps(kind: str, tmp_path: Path) -> None:
    """Images of a residual network of Keras' own layers, read back from its file, are certified, and not in any box."""
    path = tmp_path / "model.keras"
    save(network(kind), path)
    model = load(path)
    images = answered(model, noise(40).images)
    shares = [interval_bounds.certified(model, images, eps=eps).mean() for eps in (1e-4, 1.0)]
    assert shares[0] > 0.8
    assert shares[1] < 0.8


def test_a_sum_is_exact() -> None:
    """The box of x + 2x - 1 is three times that of x: closed form of Add, of a value that is used twice."""
    image = layers.Input((2, 2, 1))
    model = keras.Model(image, layers.Add()([image, layers.Rescaling(2.0, -1.0)(image)]))
    box = Box(tf.fill((1, 2, 2, 1), tf.constant(0.5, tf.float64)), tf.fill((1, 2, 2, 1), tf.constant(0.25, tf.float64)))
    found = propagate(steps(model), [box], PROOF)[-1]
    np.testing.assert_allclose(found.centre, 0.5, rtol=1e-12)
    np.testing.assert_allclose(found.radius, 0.75, rtol=1e-5)
    assert (found.radius.numpy() > 0.75).all()


def test_a_value_may_be_added_to_itself() -> None:
    """Two inputs that are the same value are two."""
    image = layers.Input((3,))
    model = keras.Model(image, layers.Add()([image, image]))
    found = propagate(steps(model), [Box(tf.ones((1, 3), tf.float64), tf.ones((1, 3), tf.float64))], PROOF)[-1]
    np.testing.assert_allclose(found, [[[2.0] * 3]] * 2, rtol=1e-5)


def test_a_moment_takes_the_place_of_what_is_kept() -> None:
    """A batch normalisation uses the mean and variance that it is given for it."""
    image = layers.Input((2,))
    layer = layers.BatchNormalization(epsilon=0.0)
    model = keras.Model(image, layer(image))
    moments = {layer: (tf.constant([1.0, 2.0]), tf.constant([4.0, 16.0]))}
    box = Box(tf.constant([[3.0, 6.0]], tf.float64), tf.constant([[1.0, 1.0]], tf.float64))
    found = propagate(steps(model, moments), [box], PROOF)[-1]
    np.testing.assert_allclose(found.centre, [[1.0, 1.0]], rtol=1e-6)
    np.testing.assert_allclose(found.radius, [[0.5, 0.25]], rtol=1e-5)


# What has no bounds


def sequence(*inner: keras.Layer) -> keras.Model:
    """Return layers, flattened, with logits behind them."""
    return keras.Sequential([layers.Input((SIDE, SIDE, 1)), *inner, layers.Flatten(), layers.Dense(CLASSES)])


def graph(build: Callable[[keras.KerasTensor], keras.KerasTensor]) -> keras.Model:
    """Return logits behind what is built on an image."""
    image = layers.Input((SIDE, SIDE, 1))
    return keras.Model(image, layers.Dense(CLASSES)(layers.Flatten()(build(image))))


class Twice(keras.layers.Dense):  # type: ignore[misc]  # Keras has no types
    """A dense layer that does what its name does not say."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return twice what a dense layer does."""
        return 2 * super().call(inputs)


class Unbuilt(keras.Model):  # type: ignore[misc]
    """A model in code, without a graph."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the images."""
        return inputs


def relu(images: tf.Tensor) -> tf.Tensor:
    """Return what is no relu: an activation is known by what it does, not by what it is called."""
    return -tf.abs(images)


REFUSED: dict[str, tuple[Callable[[], keras.Model], str]] = {
    "layer": (lambda: sequence(layers.UpSampling2D(2, name="larger")), "no bounds through larger (UpSampling2D)"),
    "subclass": (lambda: sequence(Twice(4, name="doubled")), "no bounds through doubled (Twice)"),
    "in a nested model": (
        lambda: graph(keras.Sequential([layers.Input((SIDE, SIDE, 1)), layers.DepthwiseConv2D(3, name="deep")])),
        "no bounds through deep (DepthwiseConv2D)",
    ),
    "activation": (
        lambda: sequence(layers.Conv2D(2, 3, activation="gelu", name="first")),
        "no bounds through the activation gelu of first (Conv2D)",
    ),
    "layer as activation": (
        lambda: sequence(layers.Conv2D(2, 3, activation=layers.LeakyReLU(), name="first")),
        "no bounds through the activation LeakyReLU of first (Conv2D)",
    ),
    "softmax": (
        lambda: sequence(layers.Activation("softmax", name="soft")),
        "no bounds through the activation softmax of soft (Activation)",
    ),
    "its name only": (
        lambda: sequence(layers.Conv2D(2, 3, activation=relu, name="first")),
        "no bounds through the activation relu of first (Conv2D)",
    ),
    "half precision": (
        lambda: sequence(layers.Conv2D(2, 3, dtype="bfloat16", name="half")),
        "no bounds through half (Conv2D) but in float32",
    ),
    "another axis": (
        lambda: sequence(layers.BatchNormalization(axis=1, name="rows")),
        "no bounds through rows (BatchNormalization) but of the last axis",
    ),
    "any size": (
        lambda: keras.Sequential(
            [layers.Input((None, None, 1)), layers.GlobalAveragePooling2D(name="mean"), layers.Dense(CLASSES)]
        ),
        "no bounds through mean (GlobalAveragePooling2D) but of a known size",
    ),
    "random": (
        lambda: graph(lambda image: layers.Dropout(0.5, name="always")(image, training=True)),
        "no bounds through always (Dropout) called with training",
    ),
    "no graph": (
        lambda: Unbuilt(name="code"),
        "expected a graph of layers from one input to one output, got code",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_bounded_has_its_reason(kind: str) -> None:
    """A network that the bounds would be wrong for is refused, and the reason names what stands in the way."""
    build, reason = REFUSED[kind]
    assert interval_bounds.unsupported(build()) == reason
