"""Every network maps images to logits and is what its name says."""

import itertools
from typing import get_args

import numpy as np
import pytest

from robust_digits.errors import InputError
from robust_digits.learn import networks
from robust_digits.learn.choices import Architecture
from robust_digits.runtime import keras, tf

pytestmark = pytest.mark.usefixtures("tensorflow")

PARAMETERS: dict[Architecture, int] = {  # for images of 28x28x1 and ten classes
    "one_convolution": 693_962,
    "two_convolutions": 1_199_882,
    "two_wide_convolutions": 1_745_354,
    "three_convolutions": 429_834,
    "batch_normalized": 597_738,
    "strided": 166_406,  # Wong, Rice & Kolter 2020
    "thresholded": 167_182,  # sees four channels, and has four weights and four biases of its own
    "binarized": 166_406,  # as strided: the threshold has no weights
    "provable": 167_626,  # as thresholded, with four values of each channel for its bias
    "cnn7": 13_260_362,
    "patches": 152_586,
    "fully_connected": 669_706,
    "sigmoid": 203_530,
    "tanh": 42_310,
}
SMALLEST: dict[Architecture, int] = {  # images, in pixels a side, that leave each network something to see
    "one_convolution": 4,
    "two_convolutions": 6,
    "two_wide_convolutions": 10,
    "three_convolutions": 10,
    "batch_normalized": 16,
}


def test_params_may_choose_every_network() -> None:
    """The names that params.yaml may use are the names in the table."""
    assert set(get_args(Architecture)) == set(networks.NETWORKS) == set(PARAMETERS)


@pytest.mark.parametrize("architecture", PARAMETERS)
def test_size(architecture: Architecture) -> None:
    """A network has the number of weights that its source gives, and one output a class."""
    model = networks.build(architecture, shape=(28, 28, 1), classes=10)
    assert model.count_params() == PARAMETERS[architecture]
    assert model.output_shape == (None, 10)


@pytest.mark.parametrize("architecture", PARAMETERS)
def test_outputs_are_logits(architecture: Architecture) -> None:
    """The last layer is linear: no softmax flattens the gradients that attacks need."""
    model = networks.build(architecture, shape=(28, 28, 1), classes=10)
    assert model.layers[-1].activation.__name__ == "linear"


@pytest.mark.parametrize("architecture", PARAMETERS)
def test_colour_and_any_number_of_classes(architecture: Architecture) -> None:
    """A network takes the shape and classes of the data, not those of MNIST."""
    model = networks.build(architecture, shape=(32, 20, 3), classes=4)
    assert model.input_shape == (None, 32, 20, 3)
    assert model.output_shape == (None, 4)


@pytest.mark.parametrize("architecture", SMALLEST)
def test_too_small_images_are_refused(architecture: Architecture) -> None:
    """Images that a network would shrink to nothing are refused with the reason, one pixel more is taken."""
    side = SMALLEST[architecture]
    networks.build(architecture, shape=(side, side, 1), classes=10)
    small = (side - 1, side - 1, 1)
    with pytest.raises(
        InputError, match=rf"train.architecture: {architecture} does not fit images of shape \(.+\): .+"
    ):
        networks.build(architecture, shape=small, classes=10)


def test_a_kernel_larger_than_the_image_is_refused() -> None:
    """The message has the size that does not fit."""
    message = r"two_convolutions, kernel_size 9 does not fit images of shape \(16, 16, 1\): .+"
    with pytest.raises(InputError, match=message):
        networks.build("two_convolutions", shape=(16, 16, 1), classes=10, options={"kernel_size": 9})


@pytest.mark.parametrize(
    ("architecture", "option", "value", "expected"),
    [
        ("sigmoid", "depth", 3, [256, 256, 256, 10]),
        ("sigmoid", "width", 16, [16, 10]),
        ("fully_connected", "depth", 1, [512, 10]),
        ("tanh", "width", 8, [8, 8, 10]),
    ],
)
def test_depth_and_width(architecture: Architecture, option: str, value: int, expected: list[int]) -> None:
    """The hidden layers are as many and as wide as asked for."""
    model = networks.build(architecture, shape=(28, 28, 1), classes=10, options={option: value})
    assert [layer.units for layer in model.layers if hasattr(layer, "units")] == expected


@pytest.mark.parametrize(
    "architecture", ["one_convolution", "two_convolutions", "two_wide_convolutions", "three_convolutions"]
)
def test_kernel_size(architecture: Architecture) -> None:
    """Every convolution has the kernel asked for."""
    model = networks.build(architecture, shape=(28, 28, 1), classes=10, options={"kernel_size": 5})
    assert {layer.kernel_size for layer in model.layers if hasattr(layer, "kernel_size")} == {(5, 5)}


@pytest.mark.parametrize(("dropout", "rates"), [(None, [0.2, 0.2]), (0.0, [0.0, 0.0]), (0.5, [0.5, 0.5])])
def test_dropout(dropout: float | None, rates: list[float]) -> None:
    """The rate is the one asked for; None leaves the network its own."""
    model = networks.build("fully_connected", shape=(8, 8, 1), classes=10, options={"dropout": dropout})
    assert [layer.rate for layer in model.layers if hasattr(layer, "rate")] == rates


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        ("tanh", "train.kernel_size: expected null, because tanh has depth, width; got 5"),
        ("strided", "train.kernel_size: expected null, because strided has width; got 5"),
    ],
)
def test_what_a_network_does_not_have_is_refused(architecture: Architecture, words: str) -> None:
    """An option that would change nothing is an error, with those that the network has."""
    with pytest.raises(InputError) as caught:
        networks.build(architecture, shape=(28, 28, 1), classes=10, options={"depth": None, "kernel_size": 5})
    assert str(caught.value) == words


def test_messages_name_the_section() -> None:
    """Another stage's network is refused by the name of that stage's parameter."""
    with pytest.raises(InputError, match=r"^harden.architecture: one_convolution does not fit"):
        networks.build("one_convolution", shape=(2, 2, 1), classes=10, section="harden")


def test_tanh_starts_as_its_source_says() -> None:
    """Weights are drawn by Glorot's normal rule, for the outputs too."""
    model = networks.build("tanh", shape=(28, 28, 1), classes=10)
    for layer in model.layers[1:]:
        assert type(layer.kernel_initializer).__name__ == "GlorotNormal"


@pytest.mark.parametrize("architecture", ["strided", "thresholded", "binarized"])
def test_strides_halve_an_image_twice(architecture: Architecture) -> None:
    """Two convolutions, each of stride 2 over the padded image, leave a quarter of each side: 7 of 28, 2 of 5."""
    for size, half, quarter in ((28, 14, 7), (5, 3, 2)):
        model = networks.build(architecture, shape=(size, size, 1), classes=10, options={"width": 8})
        shapes = [layer.output.shape[1:] for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
        assert shapes[-2:] == [(half, half, 8), (quarter, quarter, 16)]
        assert model.layers[-2].units == 50


def test_patches_are_coarse() -> None:
    """Strides of four and two leave 7 and 4 of the 28 pixels of a side, and all layers grow with the width."""
    model = networks.build("patches", shape=(28, 28, 1), classes=10, options={"width": 8})
    shapes = [layer.output.shape[1:] for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert shapes == [(7, 7, 8), (4, 4, 16)]
    assert model.layers[0].kernel_size == (7, 7)
    assert model.layers[-2].units == 32


def test_thresholds_start_where_they_say() -> None:
    """A pixel is seen by how far it is above 0.3 and 0.6, and below 0.4 and 0.7, doubled; nothing else gets through."""
    model = networks.build("thresholded", shape=(28, 28, 1), classes=10)
    pixels = np.linspace(0, 1, 28 * 28, dtype=np.float32)
    passed = model.layers[0](pixels.reshape(1, 28, 28, 1)).numpy().reshape(-1, 4)
    above, below = np.maximum(pixels[:, None] - [0.3, 0.6], 0), np.maximum([0.4, 0.7] - pixels[:, None], 0)
    np.testing.assert_allclose(passed, 2 * np.concatenate([above, below], axis=1), atol=1e-5)


def test_small_changes_of_black_and_white_stay_apart() -> None:
    """Within 0.3 of black nothing moves that is of light pixels, within 0.3 of white nothing that is of dark ones."""
    model = networks.build("thresholded", shape=(28, 28, 1), classes=10)
    passed = model.layers[0](np.linspace(0, 1, 28 * 28, dtype=np.float32).reshape(1, 28, 28, 1)).numpy()
    dark, light = passed.reshape(-1, 4)[: int(0.29 * 784)], passed.reshape(-1, 4)[int(0.71 * 784) :]
    np.testing.assert_array_equal(dark[:, :2], 0)
    np.testing.assert_array_equal(light[:, 2:], 0)
    assert (dark[:, 2:] > 0).all()
    assert (light[:, :2] > 0).all()


def through_threshold(pixels: tf.Tensor) -> tf.Tensor:
    """Return what the layers before the first convolution of the network make of an image, one float32 array."""
    model = networks.build("binarized", shape=tuple(pixels.shape), classes=10)
    passed = pixels[None]
    for layer in itertools.takewhile(lambda layer: not isinstance(layer, keras.layers.Conv2D), model.layers):
        passed = layer(passed)
    return passed[0]


def test_binarized_tells_black_from_white() -> None:
    """Below 0.4 every pixel is black and above 0.6 white, but for a hundredth of what the slope between them is."""
    pixels = np.linspace(0, 1, 28 * 28 * 3, dtype=np.float32).reshape(28, 28, 3)
    steep = 5 * (pixels - 0.4)
    leaky = np.where(steep < 0, 0.01 * steep, np.where(steep > 1, 1 + 0.01 * (steep - 1), steep))
    np.testing.assert_allclose(through_threshold(tf.constant(pixels)), leaky, atol=1e-5)


def test_binarized_hides_no_sign() -> None:
    """Wherever a pixel is, its gradient says which way it moves what comes behind: up, if little on the plateaus."""
    pixels = tf.Variable(np.linspace(0, 1, 28 * 28, dtype=np.float32).reshape(28, 28, 1))
    with tf.GradientTape() as tape:
        passed = tf.reduce_sum(through_threshold(pixels))
    slopes = tape.gradient(passed, pixels).numpy()
    assert slopes.min() == pytest.approx(0.05)
    assert slopes.max() == pytest.approx(5)
