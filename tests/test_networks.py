"""Every network maps images to logits and is what its name says."""

from typing import get_args

import pytest

from robust_digits.errors import InputError
from robust_digits.learn import networks
from robust_digits.learn.choices import Architecture

pytestmark = pytest.mark.usefixtures("tensorflow")

PARAMETERS = {"one_convolution": 693_962}  # for images of 28x28x1 and ten classes


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
