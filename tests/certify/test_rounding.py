"""A proof holds for the network as it runs in float32: held against exact fractions, and against made-up networks."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from robust_digits.certify import interval_bounds
from robust_digits.certify.boxes import PROOF, Arithmetic, Box, between, propagate
from robust_digits.certify.graph import steps
from robust_digits.certify.interval_bounds import worst_margins
from robust_digits.certify.linear_bounds import LinearBounds
from robust_digits.certify.rounding import FUNCTION, UNIT, gamma
from robust_digits.data.images import ImageSet
from robust_digits.runtime import keras, tf

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]

layers = keras.layers
Matrix = NDArray[np.float32]


def dense(kernel: Matrix, bias: Matrix) -> keras.Model:
    """Return one dense layer."""
    model = keras.Sequential([layers.Input((len(kernel),)), layers.Dense(len(bias))])
    model.layers[0].set_weights([kernel, bias])
    return model


def cancelling(generator: np.random.Generator, *shape: int) -> Matrix:
    """Return numbers of very different sizes and both signs, whose sums lose most of their digits."""
    sizes = 2.0 ** generator.integers(-20, 20, shape) * generator.uniform(1, 2, shape)
    drawn: Matrix = (sizes * generator.choice([-1, 1], shape)).astype(np.float32)
    return drawn


def box_of(model: keras.Model, low: Matrix, high: Matrix) -> tuple[list[Fraction], list[Fraction]]:
    """Return the ends of what a model makes of a box, as the exact fractions that the floats are."""
    found = propagate(steps(model), [between(tf.constant([low], tf.float64), tf.constant([high], tf.float64))], PROOF)
    centres, radii = (list(map(Fraction, part.numpy().ravel().tolist())) for part in found[-1])
    pairs = list(zip(centres, radii, strict=True))
    return [centre - radius for centre, radius in pairs], [centre + radius for centre, radius in pairs]


def proven(model: keras.Model, images: ImageSet, *, eps: float) -> bool:
    """Return whether any tier proves any image."""
    linear = LinearBounds(model, images.images.shape[1:])
    return bool((interval_bounds.certified(model, images, eps=eps) | linear.certified(images, eps=eps)).any())


def exactly(numbers: Matrix) -> list[Fraction]:
    """Return floats as the fractions that they are."""
    return [Fraction(float(number)) for number in numbers]


@given(seed=st.integers(0, 2**16))
@settings(max_examples=40)
def test_bounds_are_outside_exact_bounds(seed: int) -> None:
    """What float64 calculates is beyond the exact fractions of Higham's bound, for sums that cancel."""
    generator = np.random.default_rng(seed)
    kernel, bias = cancelling(generator, 7, 3), cancelling(generator, 3)
    low = cancelling(generator, 7)
    high = low + np.abs(cancelling(generator, 7))
    lowest, highest = box_of(dense(kernel, bias), low, high)
    n, unit = len(kernel) + 1, Fraction(UNIT)
    share = n * unit / (1 - n * unit)
    ends = list(zip(exactly(low), exactly(high), strict=True))
    for row in range(len(bias)):
        weights, added = exactly(kernel[:, row]), Fraction(float(bias[row]))
        rounded = share * (sum(abs(w) * max(map(abs, end)) for w, end in zip(weights, ends, strict=True)) + abs(added))
        products = [sorted((w * end[0], w * end[1])) for w, end in zip(weights, ends, strict=True)]
        assert lowest[row] <= sum(part[0] for part in products) + added - rounded
        assert highest[row] >= sum(part[1] for part in products) + added + rounded


@given(seed=st.integers(0, 2**16))
@settings(max_examples=40)
def test_no_order_of_a_sum_leaves_the_box(seed: int) -> None:
    """A float32 sum of products is in the box of its point, in whatever order it is taken."""
    generator = np.random.default_rng(seed)
    kernel, bias, point = cancelling(generator, 9, 1), cancelling(generator, 1), cancelling(generator, 9)
    (lowest,), (highest,) = box_of(dense(kernel, bias), point, point)
    terms = np.append(kernel[:, 0] * point, bias)
    for _ in range(20):
        total = np.float32(0)
        for term in generator.permutation(terms):
            total += term
        halves = generator.permutation(terms)
        for found in (total, halves[:5].sum(dtype=np.float32) + halves[5:].sum(dtype=np.float32)):
            assert lowest <= Fraction(float(found)) <= highest


def test_gamma_is_highams() -> None:
    """gamma(n) is (n + 1) u / (1 - (n + 1) u), to the last bits and not below what n roundings lose."""
    for n in (0, 1, 100, 10_000):
        exact = (n + 1) * Fraction(UNIT) / (1 - (n + 1) * Fraction(UNIT))
        assert float(gamma(n)) == pytest.approx(float(exact), rel=1e-15)
        assert Fraction(gamma(n)) > n * Fraction(UNIT) / (1 - n * Fraction(UNIT))


@pytest.mark.parametrize("name", ["elu", "leaky_relu", "relu6", "sigmoid", "softplus", "tanh"])
def test_activations_are_as_near_as_assumed(name: str) -> None:
    """The library's float32 function is off from its float64 one by no more than the rules allow."""
    at = np.concatenate([np.linspace(-100, 100, 20_001), np.linspace(-1, 1, 20_001)]).astype(np.float32)
    function = getattr(keras.activations, name)
    off = np.abs(function(tf.constant(at)).numpy().astype(np.float64) - function(tf.constant(at, tf.float64)).numpy())
    model = keras.Sequential([layers.Input((len(at),)), layers.Activation(name)])
    point = tf.constant([at], tf.float64)
    allowed = propagate(steps(model), [Box(point, tf.zeros_like(point))], PROOF)[-1].radius.numpy()[0]
    assert (off <= allowed).all()
    assert (allowed <= 1.1 * FUNCTION * UNIT * np.maximum(1, np.abs(function(point[0])))).all()


# Networks that are robust in real numbers, and broken in float32


def rounding_to_whole() -> keras.Model:
    """Return a network that answers 0 for pixels above 0.45, of which float32 sees whole numbers: 0 up to 0.5."""
    whole = float(2**23)
    model = keras.Sequential(
        [layers.Input((1, 1, 1)), layers.Flatten(), layers.Dense(2, activation="relu"), layers.Dense(2)]
    )
    model.layers[1].set_weights([np.array([[1.0, 0.0]]), np.array([whole, whole])])
    model.layers[2].set_weights([np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0.0, 0.45])])
    return model


def losing_a_pixel() -> keras.Model:
    """Return a network with a convolution that adds 2**25 to what tells the classes apart, and takes it off again."""
    large = float(2**25)
    model = keras.Sequential(
        [
            layers.Input((1, 2, 1)),
            layers.Conv2D(1, (1, 2)),
            layers.Rescaling(1.0, -large),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    model.layers[0].set_weights([np.array([1.0, 1.0]).reshape(1, 2, 1, 1), np.array([large])])
    model.layers[3].set_weights([np.array([[1.0, 0.0]]), np.array([0.0, 0.9])])
    return model


def normalizing() -> keras.Model:
    """Return a network whose batch normalisation adds beta - mean * gamma: 0.4 and more, of which float32 has 0."""
    gamma = np.float32(1.1)
    mean = next(m for m in map(np.float32, range(2**23, 2**24)) if float(gamma * m) - float(gamma) * float(m) > 0.4)
    model = keras.Sequential(
        [layers.Input((1, 1, 1)), layers.BatchNormalization(epsilon=0.0), layers.Flatten(), layers.Dense(2)]
    )
    model.layers[0].set_weights([np.full(1, value) for value in (gamma, gamma * mean, mean, 1.0)])
    model.layers[2].set_weights([np.array([[1.0, 0.0]]), np.array([0.0, 0.75])])
    return model


def tied() -> keras.Model:
    """Return a network whose second logit is larger by a pixel, which float32 loses beside 2**24: a tie, answered 0."""
    model = keras.Sequential([layers.Input((1, 1, 1)), layers.Flatten(), layers.Dense(2)])
    model.layers[1].set_weights([np.array([[0.0, 1.0]]), np.full(2, 2.0**24)])
    return model


MADE_UP = {
    "whole": (rounding_to_whole, 0, 0.48),
    "lost": (losing_a_pixel, 0, 0.5),
    "normal": (normalizing, 0, 0.5),
    "tied": (tied, 1, 0.5),
}


@pytest.mark.parametrize("name", MADE_UP)
def test_what_float32_breaks_is_not_certified(name: str) -> None:
    """A naive proof holds in real numbers; a float32 image in the box is answered wrongly; ours does not certify."""
    build, label, broken = MADE_UP[name]
    model, eps = build(), 0.05
    image, labels = np.full((1, *model.input_shape[1:]), 0.52, np.float32), np.array([label])
    images = ImageSet(image, labels)
    counterexample = np.full_like(image, broken)
    assert np.abs(counterexample - image).max() < eps
    assert model(counterexample).numpy().argmax() == 1 - label
    low = tf.constant(image, tf.float64)
    naive = worst_margins(steps(model), low, tf.constant(labels), tf.constant(eps, tf.float64), REAL).worst
    assert float(naive[0, 1 - label]) < -1e-4, "in real numbers the image stands"
    assert not proven(model, images, eps=eps)


REAL = Arithmetic(tf.float64, sound=False)


def test_what_overflows_is_not_certified() -> None:
    """Products beyond float32 become infinite on the way to a difference that is small in real numbers."""
    model = keras.Sequential(
        [layers.Input((1, 1, 1)), layers.Flatten(), layers.Dense(1), layers.Dense(1), layers.Dense(2)]
    )
    for layer, weight in zip(model.layers[1:3], (1e30, 1e30), strict=True):
        layer.set_weights([np.full((1, 1), weight), np.zeros(1)])
    model.layers[3].set_weights([np.array([[1e-30, 0.0]]), np.zeros(2)])
    images = ImageSet(np.full((1, 1, 1, 1), 0.5, np.float32), np.array([0]))
    assert not np.isfinite(model(images.images)).all()
    assert not proven(model, images, eps=0.1)


def test_every_float32_image_of_a_box_is_meant() -> None:
    """What an evaluation would take for within eps, though rounding put it just outside, is in the box too."""
    model = dense(np.array([[-1.0, 0.0]], np.float32), np.array([0.8, 0.0], np.float32))
    shaped = keras.Sequential([layers.Input((1, 1, 1)), layers.Flatten(), model])
    images = ImageSet(np.full((1, 1, 1, 1), 0.5, np.float32), np.array([0]))
    assert interval_bounds.certified(shaped, images, eps=0.2999).all()
    assert not interval_bounds.certified(shaped, images, eps=0.2999995).any()
