"""Every network maps images to logits and is what its name says."""

from typing import get_args

import numpy as np
import pytest

from robust_digits.errors import InputError
from robust_digits.learn import networks
from robust_digits.learn.choices import Architecture
from robust_digits.runtime import keras

pytestmark = pytest.mark.usefixtures("tensorflow")

PARAMETERS = {  # for images of 28x28x1 and ten classes
    "one_convolution": 693_962,
    "strided": 166_406,  # Wong, Rice & Kolter 2020
    "thresholded": 166_408,  # a weight and a bias more
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


@pytest.mark.parametrize("size", [1, 2, 3])
def test_too_small_images_are_refused(size: int) -> None:
    """Images that a network would shrink to nothing are refused with the reason."""
    with pytest.raises(InputError, match=rf"one_convolution does not fit images of shape \({size}, {size}, 1\): .+"):
        networks.build("one_convolution", shape=(size, size, 1), classes=10)


@pytest.mark.parametrize("key", ["train.architecture", "harden.architecture"])
def test_a_refusal_names_the_parameter(key: str) -> None:
    """The message starts with the parameter that chose the network."""
    with pytest.raises(InputError, match=rf"^{key}: one_convolution does not fit"):
        networks.build("one_convolution", shape=(2, 2, 1), classes=10, key=key)


@pytest.mark.parametrize("architecture", ["strided", "thresholded"])
def test_strides_halve_an_image_twice(architecture: Architecture) -> None:
    """Two convolutions, each of stride 2 over the padded image, leave a quarter of each side: 7 of 28, 2 of 5."""
    for size, left in ((28, 7), (5, 2)):
        model = networks.build(architecture, shape=(size, size, 1), classes=10)
        shapes = [layer.output.shape[1:] for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
        assert shapes[-2:] == [((size + 1) // 2,) * 2 + (16,), (left, left, 32)]


def test_the_threshold_lets_nothing_near_black_or_white_through() -> None:
    """At the start every pixel within 0.3 of black is black behind the threshold, of white white, a line between."""
    model = networks.build("thresholded", shape=(28, 28, 1), classes=10)
    behind = keras.Sequential([keras.layers.Input((28, 28, 1)), *model.layers[:2]])
    pixels = np.linspace(0, 1, 28 * 28, dtype=np.float32)
    passed = behind(pixels.reshape(1, 28, 28, 1)).numpy().ravel()
    np.testing.assert_allclose(passed, np.clip((pixels - 0.3) / 0.4, 0, 1), atol=1e-6)
    np.testing.assert_array_equal(passed[pixels < 0.3 - 1e-6], 0)
    np.testing.assert_allclose(passed[pixels > 0.7], 1, atol=1e-6)


def test_the_threshold_may_be_moved() -> None:
    """What the threshold passes is learnt like every other weight."""
    model = networks.build("thresholded", shape=(8, 8, 1), classes=3)
    first, second = model.trainable_variables[:2]
    assert (first.shape, second.shape) == ((1, 1, 1, 1), (1,))
