"""What keeps boxes tight is, in closed form, what Shi et al. 2021 define."""

import numpy as np
import pytest
from support.bounded import CLASSES, SIDE

from robust_digits.certify import tight
from robust_digits.certify.boxes import Box
from robust_digits.certify.graph import steps
from robust_digits.learn import networks
from robust_digits.runtime import keras, tf

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]

layers = keras.layers


def test_first_weights_have_the_size_that_keeps_boxes() -> None:
    """Kernels are normal about 0 with a deviation of sqrt(2 pi) over the inputs of a unit; thresholds stay."""
    model = networks.build("provable", shape=(28, 28, 1), classes=10)
    thresholds, *others = (layer for layer in model.layers if hasattr(layer, "kernel"))
    before = thresholds.kernel.numpy()
    tight.draw(model, seed=3)
    np.testing.assert_array_equal(thresholds.kernel, before)
    for layer in others:
        inputs = np.prod(layer.kernel.shape[:-1])
        kernel = layer.kernel.numpy()
        assert kernel.std() * inputs == pytest.approx(np.sqrt(2 * np.pi), rel=0.1)
        assert abs(kernel.mean()) < 0.2 * kernel.std()


def test_a_seed_draws_the_same() -> None:
    """The same seed draws the same weights, another one others."""
    model = networks.build("provable", shape=(SIDE, SIDE, 1), classes=CLASSES)
    drawn = []
    for seed in (1, 1, 2):
        tight.draw(model, seed=seed)
        drawn.append(model.layers[-1].kernel.numpy())
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).all()


RELU = keras.Sequential([layers.Input((4,)), layers.ReLU()])


def looseness(centre: list[float], radius: list[float], image: float) -> float:
    """Return how loose one box in front of a ReLU is, behind an image of some radius."""
    ahead = Box(tf.constant([centre]), tf.constant([radius]))
    reads = [step._replace(takes=(1,)) for step in steps(RELU)]
    whole = Box(tf.zeros((1, 4)), tf.fill((1, 4), image))
    return float(tight.looseness(reads, [whole, ahead, ahead]))


BALANCED = [3.0, -3.0, 3.0, -3.0]


@pytest.mark.parametrize(
    ("radius", "expected"),
    [
        (0.5, 0.0),  # smaller than the image's
        (2.0, 0.0),  # twice as large: just tolerated
        (2.5, 0.2),  # image / box = 0.4: a fifth of 0.5 is lacking
    ],
)
def test_a_box_that_grew_is_loose(radius: float, expected: float) -> None:
    """A box more than twice as large as the image's is asked back."""
    assert looseness(BALANCED, [radius] * 4, 1.0) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("centre", "expected"),
    [
        (BALANCED, 0.0),
        ([3.0, 3.0, 3.0, 3.0], 1.0),  # none is off; none varies
        ([4.0, 4.0, 4.0, -2.0], 1.0),  # means 12 : 2 lack two thirds, variances 6.75 : 20.25 a third
    ],
)
def test_units_out_of_balance_are_loose(centre: list[float], expected: float) -> None:
    """Units that are sure to be on and off are balanced in the mean and the variance of their centres."""
    assert looseness(centre, [0.5] * 4, 1.0) == pytest.approx(expected, abs=1e-4)


def test_units_that_are_unsure_do_not_count() -> None:
    """A unit whose box has 0 in it is neither on nor off."""
    assert looseness([*BALANCED[:2], 9.0, 9.0], [0.5, 0.5, 10.0, 10.0], 10.0) > 0
    assert looseness([3.0, -3.0, 0.0, 0.0], [0.5, 0.5, 1.0, 1.0], 1.0) == pytest.approx(0.0, abs=1e-5)
