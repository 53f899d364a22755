"""Interval bounds are exact on a linear model, sound on every network they accept, and say why they refuse others."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.bounded import CLASSES, KINDS, SIDE, answered, leads, network, noise, worst
from support.few import FEW
from support.linear import level

from robust_digits.attack.suite import Suite
from robust_digits.certify import interval_bounds, tight
from robust_digits.data.images import ImageSet
from robust_digits.learn import models, networks
from robust_digits.learn.choices import Architecture
from robust_digits.runtime import keras, tf

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]

layers = keras.layers


# Exact


@pytest.mark.parametrize("eps", [0.0, 0.1, 0.6, 1.0])
def test_exact_on_a_linear_model(eps: float) -> None:
    """A dense layer is worst in the corner of the box, cut to [0, 1], that its weights point to: just that is found."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([layers.Input((SIDE, SIDE, 1)), layers.Flatten(), layers.Dense(CLASSES)])
    images = noise(20)
    kernel = model.layers[-1].kernel.numpy().astype(np.float64)
    flat = images.images.reshape(20, -1).astype(np.float64)
    found = worst(model, images, eps)
    for row, label in enumerate(images.labels):
        for other in range(CLASSES):
            turned = kernel[:, other] - kernel[:, label]
            corner = np.where(turned > 0, np.minimum(flat[row] + eps, 1), np.maximum(flat[row] - eps, 0))
            assert found[row, other] == pytest.approx(corner @ turned, abs=1e-4)


@pytest.mark.parametrize("factor", [0.98, 1.02])
@pytest.mark.parametrize("seed", range(3))
def test_a_linear_model_is_certified_up_to_its_distance(factor: float, seed: int) -> None:
    """Images at a known distance from the boundary are certified within a box just smaller, and not just larger."""
    model, images = level(0.05, seed)
    assert (interval_bounds.certified(model, images, eps=0.05 * factor) == (factor < 1)).all()
    found = worst(model, images, 0.05 * factor)
    away = model.layers[-1].kernel.numpy()
    expected = (0.05 * factor - 0.05) * np.abs(away[:, 1] - away[:, 0]).sum()
    np.testing.assert_allclose(found[np.arange(len(images)), 1 - images.labels], expected, rtol=1e-3)


# Sound


@pytest.mark.parametrize("kind", KINDS)
@given(eps=st.floats(0, 1), seed=st.integers(0, 2**16))
@settings(max_examples=5)
def test_no_point_of_the_box_is_worse(kind: str, eps: float, seed: int) -> None:
    """Wherever in the box an image is moved, corners included, no logit leads the true one by more than its bound."""
    model, images = network(kind, seed=seed), noise(4, seed=seed)
    bound = worst(model, images, eps)
    generator = np.random.default_rng(seed)
    assert interval_bounds.unsupported(model) is None
    for spread in (generator.uniform, lambda low, high, size: generator.choice([low, high], size)):
        shift = spread(-eps, eps, (30, *images.images.shape))
        moved = np.clip(images.images + shift, 0, 1).astype(np.float32).reshape(-1, SIDE, SIDE, 1)
        reached = leads(model, moved, np.tile(images.labels, 30)).reshape(30, 4, CLASSES).max(axis=0)
        slack = 1e-4 * (1 + np.abs(bound))  # of float32
        assert (reached <= bound + slack).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradients_way_is_no_worse(kind: str) -> None:
    """Many steps up the gradient of a lead, which random points would never find, stay below its bound too."""
    model, images = network(kind, seed=3), noise(6, seed=3)
    eps, moved = 0.2, tf.constant(images.images)
    other = tf.constant((images.labels + 1) % CLASSES)
    for _ in range(8):
        with tf.GradientTape() as tape:
            tape.watch(moved)
            logits = model(moved, training=False)
            lead = tf.gather(logits, other, batch_dims=1) - tf.gather(logits, images.labels, batch_dims=1)
        up = eps / 3 * tf.sign(tape.gradient(lead, moved))
        moved = tf.clip_by_value(tf.clip_by_value(moved + up, images.images - eps, images.images + eps), 0.0, 1.0)
    rows = np.arange(6)
    reached = leads(model, moved.numpy(), images.labels)[rows, other]
    assert (reached > leads(model, images.images, images.labels)[rows, other]).any()
    bound = worst(model, images, eps)[rows, other]
    assert (reached <= bound + 1e-4 * (1 + np.abs(bound))).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_box_of_one_point_is_the_network(kind: str) -> None:
    """At eps 0 the bounds are the network's own leads, and 0 for the true class."""
    model, images = network(kind), noise(10)
    found = worst(model, images, 0.0)
    np.testing.assert_allclose(found, leads(model, images.images, images.labels), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[np.arange(10), images.labels], 0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_larger_boxes_are_worse(kind: str) -> None:
    """Bounds never fall as eps grows, and the true class never leads itself."""
    model, images = network(kind), noise(10)
    found = [worst(model, images, eps) for eps in (0.0, 0.01, 0.1, 0.3, 1.0)]
    for smaller, larger in pairwise(found):
        assert (larger >= smaller - 1e-4 * (1 + np.abs(smaller))).all()
        np.testing.assert_allclose(larger[np.arange(10), images.labels], 0, atol=1e-4)


def test_dropout_does_not_drop() -> None:
    """Bounds are of the network as it predicts: the same each time, though it has dropout."""
    model, images = network("dropout"), noise(10)
    np.testing.assert_array_equal(worst(model, images, 0.1), worst(model, images, 0.1))


# What is certified


def test_at_eps_zero_certified_is_right() -> None:
    """With no box around it, an image is certified if, and only if, it is classified right."""
    model, images = network("max pooling"), noise(50)
    right = model(images.images, training=False).numpy().argmax(axis=1) == images.labels
    assert 0 < right.sum() < 50
    np.testing.assert_array_equal(interval_bounds.certified(model, images, eps=0.0), right)


def test_certified_shrinks_with_the_box() -> None:
    """An image that is certified in a box is certified in every smaller one; the share goes from all to none."""
    model = network("strided, same")
    images = answered(model, noise(200).images)
    found = [interval_bounds.certified(model, images, eps=eps) for eps in (0.0, 0.005, 0.02, 0.1, 1.0)]
    assert found[0].all()
    assert not found[-1].any()
    assert 0 < found[1].sum() < 200
    for smaller, larger in pairwise(found):
        assert (larger <= smaller).all()


def test_an_image_that_is_wrong_is_never_certified() -> None:
    """A mistake is no proof of anything, however small the box."""
    model = network("dense")
    images = answered(model, noise(20).images)
    mistaken = ImageSet(images.images, (images.labels + 1) % CLASSES)
    assert interval_bounds.certified(model, images, eps=0.0).all()
    assert not interval_bounds.certified(model, mistaken, eps=0.0).any()


def test_an_even_match_is_not_certified() -> None:
    """Where two logits are equal, nothing is proven, whichever of the two the network would answer."""
    model = keras.Sequential([layers.Input((SIDE, SIDE, 1)), layers.Flatten(), layers.Dense(2, "linear")])
    model.layers[-1].set_weights([np.zeros((SIDE * SIDE, 2)), np.zeros(2)])
    images = ImageSet(noise(4).images, np.array([0, 1, 0, 1]))
    assert not interval_bounds.certified(model, images, eps=0.0).any()


def test_sets_larger_than_a_batch_keep_their_order() -> None:
    """However many images there are, each has its own answer, in order; the set may be read-only."""
    model, images = network("dense"), noise(1030)
    images.images.setflags(write=False)
    found = interval_bounds.certified(model, images, eps=0.01)
    assert found.shape == (1030,)
    assert found.dtype == np.bool_
    np.testing.assert_array_equal(found[700:730], interval_bounds.certified(model, images[700:730], eps=0.01))


@pytest.mark.parametrize("architecture", networks.NETWORKS)
def test_every_network_of_the_table_is_certified_as_it_is_loaded(architecture: Architecture, tmp_path: Path) -> None:
    """Bounds can be had of each network that params.yaml may choose, read back from its file."""
    keras.utils.set_random_seed(0)
    path = tmp_path / "model.keras"
    fresh = networks.build(architecture, shape=(16, 16, 1), classes=CLASSES)
    tight.draw(fresh, seed=0)  # in an untrained network even a box of a millionth may grow to nothing
    fresh.layers[-1].bias.assign([0.5, 0.0, 0.0])
    models.save(fresh, path)
    model = models.load(path)
    assert interval_bounds.unsupported(model) is None
    images = answered(model, noise(20, shape=(16, 16, 1)).images)
    assert interval_bounds.certified(model, images, eps=0.0).mean() > 0.9
    assert not interval_bounds.certified(model, images, eps=1.0).any()


@pytest.fixture(scope="module")
def proven() -> tuple[Suite, ImageSet, NDArray[np.bool_]]:
    """Return the attacks on a network, images that it gets right, and which of them are certified: about half."""
    model = network("strided, same", seed=2)
    images = answered(model, noise(6, seed=2).images)
    low, high = 0.0, 1.0
    for _ in range(20):  # the eps at which three of the six are left
        middle = (low + high) / 2
        low, high = (middle, high) if interval_bounds.certified(model, images, eps=middle).sum() >= 3 else (low, middle)
    return Suite(model, eps=low, seed=0), images, interval_bounds.certified(model, images, eps=low)


@pytest.mark.parametrize("name", ["grey", "noise", "pgd", "pgd_margin", "autoattack", "adaptive", "deepfool"])
def test_no_attack_breaks_what_is_certified(name: str, proven: tuple[Suite, ImageSet, NDArray[np.bool_]]) -> None:
    """An image that is certified stands under the strongest attacks, and under some of another kind."""
    suite, images, certified = proven
    assert 0 < certified.sum() < len(images)
    found = suite.attack(name, FEW[name], images, 1 - images.images).images
    right = suite.model.predict(found).argmax(axis=1) == images.labels
    assert right[certified].all()
