"""Linear bounds are sound in float32 on every kind of network, and prove more than boxes."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.bounded import CLASSES, KINDS, SIDE, answered, network, noise, normalized
from support.linear import level

from robust_digits.certify import interval_bounds, lines
from robust_digits.certify.boxes import PROOF, Box, propagate
from robust_digits.certify.graph import steps
from robust_digits.certify.interval_bounds import image_boxes
from robust_digits.certify.linear_bounds import Bounds, LinearBounds
from robust_digits.data.images import ImageSet
from robust_digits.runtime import keras, tf

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]

layers = keras.layers


@contextmanager
def uncompiled(kind: str = "") -> Iterator[None]:
    """Compile nothing in this block, where each function runs once; but grouped convolutions, which Keras must."""
    tf.config.run_functions_eagerly(kind != "groups")
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)  # noqa: FBT003 (as TensorFlow has it)


def bounds_of(model: keras.Model, image: Box) -> Bounds:
    """Return what is known of a network in boxes of images."""
    return Bounds(LinearBounds(model, tuple(image.centre.shape[1:])), image)


def certified(model: keras.Model, images: ImageSet, *, eps: float) -> NDArray[np.bool_]:
    """Return which images linear bounds prove."""
    return LinearBounds(model, images.images.shape[1:]).certified(images, eps=eps)


@pytest.mark.parametrize("kind", KINDS)
@given(eps=st.floats(0, 0.5), seed=st.integers(0, 2**16))
@settings(max_examples=2)
def test_no_point_of_the_box_is_beyond(kind: str, eps: float, seed: int) -> None:
    """Wherever in the box an image is moved, corners included, no logit leaves its bounds, before boxes and after."""
    model, images = network(kind, seed=seed), noise(2, seed=seed)
    generator = np.random.default_rng(seed)
    inner = generator.uniform(-eps, eps, (30, *images.images.shape))
    shift = np.concatenate([inner, eps * np.sign(inner)])
    moved = np.clip(images.images + shift, 0, 1).astype(np.float32)
    logits = model(moved.reshape(-1, SIDE, SIDE, 1), training=False).numpy().reshape(60, 2, CLASSES)
    with uncompiled(kind):
        bounds = bounds_of(model, image_boxes(images, eps=eps))
        for tightened in (False, True):
            if tightened:
                bounds.tighten()
            for sign in (1, -1):
                most = bounds.highest(np.tile(sign * np.eye(CLASSES), (2, 1, 1)))
                assert ((sign * logits).max(axis=0) <= most).all()


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_stay_around_the_values(kind: str) -> None:
    """Boxes that were made smaller hold all values of moved images, and lie in those of intervals."""
    model, images, eps = network(kind, seed=1), noise(1, seed=1), 0.1
    shift = np.random.default_rng(1).uniform(-eps, eps, (20, *images.images.shape[1:]))
    moved = tf.constant(np.clip(images.images + shift, 0, 1).astype(np.float32), tf.float64)
    reached = propagate(steps(model), [Box(moved, tf.zeros_like(moved))], PROOF)
    with uncompiled(kind):
        bounds = bounds_of(model, image_boxes(images, eps=eps))
        before = bounds.boxes
        bounds.tighten()
    for points, box, whole in zip(reached, bounds.boxes, before, strict=True):
        assert np.all(np.abs(points.centre - box.centre) <= box.radius + points.radius)
        assert np.all(box.radius <= whole.radius * (1 + 1e-9))


def test_exact_where_values_rise_together() -> None:
    """Of relu(x) - relu(x) nothing is left, of which boxes know nothing: closed form."""
    image = layers.Input((1, 1, 1))
    hidden = layers.ReLU()(layers.Flatten()(image))
    model = keras.Model(image, layers.Dense(2)(layers.Concatenate()([hidden, hidden])))
    model.layers[-1].set_weights([np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0.25, 0.0])])
    images = ImageSet(np.full((1, 1, 1, 1), 0.5, np.float32), np.array([0]))
    assert not interval_bounds.certified(model, images, eps=0.3).any()
    assert certified(model, images, eps=0.3).all()
    bounds = bounds_of(model, image_boxes(images, eps=0.3))
    np.testing.assert_allclose(bounds.highest(np.array([[[-1.0, 1.0]]])), -0.25, atol=1e-5)


@pytest.mark.parametrize("slope", [0.0, 0.25])
def test_a_bend_has_the_line_through_its_ends_above_it(slope: float) -> None:
    """Over [-0.5, 1] max(x, a x) is at most the chord, and at least x where more of it is above 0: closed form."""
    image = layers.Input((1, 1, 1))
    bent = layers.LeakyReLU(slope)(layers.Rescaling(2.0, -1.0)(layers.Flatten()(image)))
    model = keras.Model(image, bent)
    box = Box(
        tf.fill((1, 1, 1, 1), tf.constant(0.625, tf.float64)), tf.fill((1, 1, 1, 1), tf.constant(0.375, tf.float64))
    )
    found = bounds_of(model, box).highest(np.array([[[1.0], [-1.0]]]))
    np.testing.assert_allclose(found, [[1.0, 0.5]], atol=1e-5)


@pytest.mark.parametrize("factor", [0.98, 1.02])
def test_a_linear_model_is_certified_up_to_its_distance(factor: float) -> None:
    """Images at a known distance from the boundary are certified within a box just smaller, and not just larger."""
    model, images = level(0.05)
    assert (certified(model, images, eps=0.05 * factor) == (factor < 1)).all()


@pytest.mark.parametrize("kind", ["strided, same", "residual", "nested"])
def test_more_is_proven_than_by_boxes(kind: str) -> None:
    """What boxes prove is proven, and in larger balls more: where they still prove some, and where they prove none."""
    model = network(kind, seed=2)
    images = answered(model, noise(12, seed=2).images)
    linear, gained = LinearBounds(model, images.images.shape[1:]), 0
    for eps in (0.001, 0.004, 0.016, 0.06, 0.2):
        boxes, more = interval_bounds.certified(model, images, eps=eps), linear.certified(images, eps=eps)
        assert (more >= boxes).all()
        gained += int((more & ~boxes).sum())
    assert gained > 0


def test_smaller_boxes_prove_more() -> None:
    """An image is proven by boxes made smaller that is not without."""
    model = network("dense", seed=4)
    images = answered(model, noise(20, seed=4).images)
    linear = LinearBounds(model, images.images.shape[1:])
    without, within = [], []
    for eps in (0.005, 0.01, 0.02):
        bounds = Bounds(linear, image_boxes(images, eps=eps))
        without.append(bounds.stand(images.labels))
        bounds.tighten()
        within.append(bounds.stand(images.labels))
        np.testing.assert_array_equal(linear.certified(images, eps=eps), within[-1])
    assert np.all(np.array(within) >= without)
    assert np.sum(within) > np.sum(without)


def test_an_image_is_proven_whatever_others_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks and parts of any size, compiled or as it stands, the same images are proven: some, and not all."""
    model = network("dense", seed=4)
    images = answered(model, noise(20, seed=4).images)
    linear, found = LinearBounds(model, images.images.shape[1:]), []
    monkeypatch.setattr("robust_digits.certify.linear_bounds._WEIGHTS", 7 * SIDE * SIDE)
    with uncompiled():
        parts = LinearBounds(model, images.images.shape[1:])
    assert parts.rows == 7
    for eps in (0.005, 0.01, 0.02):
        found.append(linear.certified(images, eps=eps))
        alone = [linear.certified(images[row : row + 1], eps=eps)[0] for row in range(len(images))]
        np.testing.assert_array_equal(found[-1], alone)
        with uncompiled():
            np.testing.assert_array_equal(found[-1], parts.certified(images, eps=eps))
    assert 0 < np.mean(found) < 1


CONVOLUTIONS: dict[str, list[dict[str, Any]]] = {
    "same": [{"kernel_size": 3, "padding": "same"}, {"kernel_size": 3, "padding": "same"}],
    "strided": [{"kernel_size": 4, "strides": 3, "padding": "same"}, {"kernel_size": (3, 2), "padding": "same"}],
    "valid": [{"kernel_size": (2, 3)}, {"kernel_size": 2, "strides": (2, 1)}],
    "large": [{"kernel_size": 3, "padding": "same"}, {"kernel_size": 7, "padding": "same"}],
    "dilated": [{"kernel_size": 3, "dilation_rate": 2}, {"kernel_size": 2, "padding": "same"}],
}


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_windows_leave_nothing_out(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Units followed in windows reach as far as in whole maps: padding, strides, a normalisation, two images."""
    keras.utils.set_random_seed(1)
    first, second = CONVOLUTIONS[kind]
    model = keras.Sequential(
        [
            layers.Input((SIDE, SIDE + 1, 2)),
            layers.Conv2D(3, **first),
            normalized(1.0),
            layers.LeakyReLU(0.1),
            layers.Conv2D(2, 3, padding="same"),  # no function bends behind it
            layers.Conv2D(4, **second, bias_initializer="random_normal"),
            normalized(-1.0),
        ]
    )
    network, images = steps(model), noise(2, shape=(SIDE, SIDE + 1, 2))
    boxes = propagate(network, [image_boxes(images, eps=0.1)], PROOF)
    rows, units = np.indices((2, int(np.prod(boxes[-1].centre.shape[1:])))).reshape(2, -1)
    within = lines.reached(network, boxes, len(network), tf.constant(units), tf.constant(rows))
    monkeypatch.setattr(lines, "_MAP", 0)  # no value is a map: each function is of all of it
    whole = lines.reached(network, boxes, len(network), tf.constant(units), tf.constant(rows))
    np.testing.assert_allclose(within, whole, rtol=1e-9, atol=1e-12)


def test_a_mistake_is_never_certified() -> None:
    """An image that is wrong, or a tie, is no proof of anything."""
    model = network("dense")
    images = answered(model, noise(4).images)
    assert not certified(model, ImageSet(images.images, (images.labels + 1) % CLASSES), eps=0.0).any()
    even = keras.Sequential([layers.Input((SIDE, SIDE, 1)), layers.Flatten(), layers.Dense(2)])
    even.layers[-1].set_weights([np.zeros((SIDE * SIDE, 2)), np.zeros(2)])
    assert not certified(even, ImageSet(images.images, np.array([0, 1, 0, 1])), eps=0.0).any()


@given(seed=st.integers(0, 2**16))
@settings(max_examples=20)
def test_bounds_are_outside_exact_bounds(seed: int) -> None:
    """Of two layers whose sums cancel, float64's bound is beyond the exact fractions of each layer's rounding."""
    generator = np.random.default_rng(seed)
    sizes = [2.0 ** generator.integers(-12, 12, shape) for shape in ((4, 3), (3, 1))]
    first, second = ((size * generator.normal(size=size.shape)).astype(np.float32) for size in sizes)
    model = keras.Sequential([layers.Input((4,)), layers.Dense(3, use_bias=False), layers.Dense(1, use_bias=False)])
    model.set_weights([first, second])
    point = generator.uniform(0, 1, 4).astype(np.float32)
    at = tf.constant([point], tf.float64)
    with uncompiled():
        (found,) = bounds_of(model, Box(at, tf.zeros_like(at))).highest(np.array([[[1.0], [-1.0]]]))
    unit = Fraction(1, 2**24)
    pixels = [Fraction(float(value)) for value in point]
    exact, lost = Fraction(0), Fraction(0)
    for row in range(3):
        weights = [Fraction(float(value)) for value in first[:, row]]
        outer = Fraction(float(second[row, 0]))
        exact += outer * sum(w * x for w, x in zip(weights, pixels, strict=True))
        lost += abs(outer) * 4 * unit * sum(abs(w) * x for w, x in zip(weights, pixels, strict=True))
    assert Fraction(float(found[0])) >= exact + lost
    assert Fraction(float(found[1])) >= -exact + lost
