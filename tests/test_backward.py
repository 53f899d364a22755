"""The way back to the images through a convolution."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robust_digits import backward
from robust_digits.runtime import keras, tf

pytestmark = pytest.mark.usefixtures("tensorflow")

layers = keras.layers
_Convolution = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def gradients(convolution: _Convolution, images: tf.Tensor, kernel: tf.Tensor) -> list[tf.Tensor]:
    """Return outputs, and the gradients of a function of them for the images and for the kernel."""
    with tf.GradientTape() as tape:
        tape.watch([images, kernel])
        outputs = convolution(images, kernel)
        total = tf.reduce_sum(tf.sin(outputs))
    return [outputs, *tape.gradient(total, [images, kernel])]


sides = st.tuples(st.integers(1, 12), st.integers(1, 12))


@settings(max_examples=60, deadline=None)
@given(sides, sides, st.tuples(st.integers(1, 5), st.integers(1, 5)), st.sampled_from(["same", "valid"]), st.data())
def test_a_convolution_and_its_gradients_are_the_library_s(
    size: tuple[int, int], width: tuple[int, int], strides: tuple[int, int], padding: str, data: st.DataObject
) -> None:
    """Images and kernels of any size, strides and padding give the outputs and both gradients that TensorFlow gives."""
    if padding == "valid":
        width = min(width[0], size[0]), min(width[1], size[1])
    channels, filters = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    generator = np.random.default_rng(0)
    images = tf.constant(generator.normal(size=(2, *size, channels)).astype(np.float32))
    kernel = tf.constant(generator.normal(size=(*width, channels, filters)).astype(np.float32))
    own = gradients(lambda *given: backward.convolve(*given, strides=strides, padding=padding), images, kernel)
    library = gradients(lambda *given: tf.nn.conv2d(*given, strides, padding.upper()), images, kernel)
    for found, expected in zip(own, library, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def _network(**settings: object) -> keras.Model:
    inner = keras.Sequential([layers.Conv2D(3, 4, activation="relu", **settings), layers.Flatten()])
    return keras.Sequential([layers.Input((9, 9, 1)), inner, layers.BatchNormalization(), layers.Dense(3)])


@pytest.mark.parametrize("strides", [(1, 1), (2, 2)])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_the_network_is_the_same_with_another_way_back(
    padding: str, strides: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logits and gradients are the model's, also through a model inside it; the convolution there is the one above."""
    model, asked = _network(padding=padding, strides=strides), list[dict[str, object]]()
    images = tf.constant(np.random.default_rng(0).random((4, 9, 9, 1), np.float32))
    convolve = backward.convolve

    def counted(images: tf.Tensor, kernel: tf.Tensor, **told: Any) -> tf.Tensor:  # noqa: ANN401 (as convolve's own)
        asked.append(told)
        return convolve(images, kernel, **told)

    monkeypatch.setattr(backward, "convolve", counted)
    found = []
    for network in (backward.network(model), lambda at: model(at, training=False)):
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = network(images)
        found.append((logits, tape.gradient(logits, images)))
    for own, plain in zip(*found, strict=True):
        np.testing.assert_allclose(own, plain, atol=1e-6)
    assert asked == [{"strides": strides, "padding": padding}]  # and not when the model itself is asked


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(2, 3),
        layers.Conv2D(2, 3, strides=(1, 2)),
        layers.Conv2D(2, 3, dilation_rate=2),
        layers.Conv2D(2, 3, strides=2, groups=2),
        layers.DepthwiseConv2D(3, strides=2),
        layers.SeparableConv2D(2, 3, strides=2),
        layers.Conv2DTranspose(2, 3, strides=2),
    ],
)
def test_other_layers_are_left_alone(layer: keras.layers.Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no plain convolution, strided or of one channel, keeps the library's way back."""
    monkeypatch.delattr(backward, "convolve")  # whoever asks for it fails
    model = keras.Sequential([layers.Input((9, 9, 2)), layer])
    images = tf.ones((1, 9, 9, 2))
    np.testing.assert_array_equal(backward.network(model)(images), model(images, training=False))


def test_a_convolution_of_single_pixels_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks at one pixel at a time, as thresholds do, has no window to take back."""
    monkeypatch.delattr(backward, "convolve")
    model = keras.Sequential([layers.Input((9, 9, 1)), layers.Conv2D(4, 1)])
    assert backward.network(model)(tf.ones((1, 9, 9, 1))).shape == (1, 9, 9, 4)


def test_convolutions_of_many_channels_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """From many channels the library's own gradient is as fast, and is kept."""
    monkeypatch.delattr(backward, "convolve")
    model = keras.Sequential([layers.Input((9, 9, 16)), layers.Conv2D(2, 3, strides=2)])
    assert backward.network(model)(tf.ones((1, 9, 9, 16))).shape == (1, 4, 4, 2)
