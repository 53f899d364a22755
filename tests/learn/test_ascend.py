"""The attack inside a training step keeps to its ball and finds what there is to find."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from support.linear import gradient, level
from support.objectives import (
    CLASSES,
    EPS,
    SIDE,
    Images,
    by_art,
    losses,
    noise,
    started,
    training_step,
)

from robust_digits.data.images import ImageSet
from robust_digits.learn import networks
from robust_digits.learn.choices import Architecture
from robust_digits.learn.objectives import METHODS, TrainingStep, ascend
from robust_digits.learn.recipe import Method
from robust_digits.runtime import keras, tf

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]


ATTACKED = ["pgd", "fast", "trades", "mixed"]  # methods with a random start


def transparent() -> keras.Model:
    """Return a network whose logits are the pixels it sees: they show where an attack went."""
    pixels = SIDE * SIDE
    network = keras.Sequential(
        [keras.layers.Input((SIDE, SIDE, 1)), keras.layers.Flatten(), keras.layers.Dense(pixels)]
    )
    network.layers[-1].set_weights([np.eye(pixels, dtype=np.float32), np.zeros(pixels, np.float32)])
    return network


def ascended(model: keras.Model, images: ImageSet, start: Images, now: TrainingStep) -> Images:
    """Return where the attack on the cross-entropy ends."""

    def loss(moved: tf.Tensor) -> tf.Tensor:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(images.labels, model(moved, training=False))

    moved: Images = ascend(loss, tf.constant(images.images), tf.constant(start), now).numpy()
    return moved


@pytest.mark.parametrize("architecture", networks.NETWORKS)
def test_the_inner_attack_is_arts(architecture: Architecture) -> None:
    """On the same network and images, from the same start, in steps of the same length, ART ends in the same place."""
    keras.utils.set_random_seed(0)
    goes_as_arts(networks.build(architecture, shape=(16, 16, 1), classes=CLASSES), steps=3, step=None, length=2.5 / 3)


@pytest.mark.parametrize(
    ("steps", "step", "length"), [(1, 1.0, 1.0), (1, None, 2.5), (7, None, 2.5 / 7), (5, 0.3, 0.3)]
)
def test_steps_are_of_the_same_length(steps: int, step: float | None, length: float) -> None:
    """Without a length of their own, steps are 2.5 eps long together; with one, each is that share of eps."""
    keras.utils.set_random_seed(0)
    strided = networks.build("strided", shape=(16, 16, 1), classes=CLASSES)
    goes_as_arts(strided, steps=steps, step=step, length=length)


def goes_as_arts(network: keras.Model, *, steps: int, step: float | None, length: float) -> None:
    """Hold the attack inside a training step against ART's; `length` is that of a step, in eps."""
    images, now = noise(6, side=16), training_step(steps=steps, step=step)
    start = started(images, now)
    expected = by_art(network, images, start, steps=steps, step=length * EPS)
    assert (expected != start).mean() > 0.1
    np.testing.assert_allclose(ascended(network, images, start, now), expected, rtol=0, atol=1e-6)


def test_compiled_it_goes_the_same_way(model: keras.Model, images: ImageSet) -> None:
    """Compiled into one function, as in training, the attack still ends where ART does."""
    now = training_step()
    start = started(images, now)
    run = tf.function(lambda: METHODS["pgd"](model, tf.constant(images.images), tf.constant(images.labels), now))
    expected = by_art(model, images, start, steps=4, step=2.5 / 4 * EPS)
    logits = run()[1].numpy()
    np.testing.assert_allclose(logits, model(expected).numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_one_step_on_a_linear_model_is_the_closed_form(seed: int) -> None:
    """From the image, a single step of eps moves every pixel by eps, against the weights of the true class."""
    linear, whole = level(0.05, seed)
    found = ascended(linear, whole, whole.images, training_step(eps=0.04, steps=1, step=1.0))
    away = np.where(whole.labels, -1, 1)[:, None] * np.sign(gradient(seed))
    np.testing.assert_allclose(found, whole.images + 0.04 * away.reshape(whole.images.shape), atol=1e-6)


@pytest.mark.parametrize("factor", [0.98, 1.02])
@pytest.mark.parametrize("steps", [1, 4, 20])
def test_smallest_perturbation_on_a_linear_model(steps: int, factor: float) -> None:
    """However many steps it takes, from a random start, images flip just above their distance, and none just below."""
    linear, whole = level(0.05)
    now = training_step(eps=0.05 * factor, steps=steps)
    found = ascended(linear, whole, started(whole, now), now)
    fallen = linear(found).numpy().argmax(axis=1) != whole.labels
    assert (fallen == (factor > 1)).all()


@pytest.mark.parametrize(
    ("method", "eps", "steps"), list(product(["pgd", "fast", "mixed"], [0.0, 0.1, 0.5, 1.0], [1, 5]))
)
def test_trained_images_lie_in_the_box(method: Method, eps: float, steps: int, images: ImageSet) -> None:
    """What a method trains on is within eps of the images and in [0, 1], however long its steps, and not the image."""
    for step in (None, 10.0):
        seen = losses(method, transparent(), images, training_step(eps=eps, steps=steps, step=step))[1]
        moved = seen.reshape(images.images.shape)
        assert np.abs(moved - images.images).max() <= eps + 1e-6
        assert moved.min() >= -1e-6
        assert moved.max() <= 1 + 1e-6
        assert (np.abs(moved - images.images).max() > 0.9 * eps) or eps == 0


def test_the_start_is_anywhere_in_the_box() -> None:
    """Steps of no length leave the start: uniform in the box, its mean the image, its pixels apart from each other."""
    grey = ImageSet(np.full((200, SIDE, SIDE, 1), 0.5, np.float32), np.zeros(200, np.int64))
    shift = losses("pgd", transparent(), grey, training_step(steps=1, step=1e-6))[1] - 0.5
    assert np.abs(shift).max() == pytest.approx(EPS, rel=1e-2)
    assert shift.mean() == pytest.approx(0, abs=0.01)
    assert shift.std() == pytest.approx(EPS / np.sqrt(3), rel=0.02)
    assert len(np.unique(shift.round(5))) > 1000


@pytest.mark.parametrize("method", ATTACKED)
def test_starts_repeat_with_the_seed(method: Method, model: keras.Model, images: ImageSet) -> None:
    """The same seed gives the same losses to the bit, another one or a later step others."""
    now = training_step(steps=1, step=0.1)
    first = losses(method, model, images, now)[0]
    np.testing.assert_array_equal(losses(method, model, images, now)[0], first)
    for seed in ((4, 1), (3, 2)):
        assert (losses(method, model, images, replace(now, seed=tf.constant(seed, tf.int64)))[0] != first).any()


def test_bounds_draw_nothing(model: keras.Model, images: ImageSet) -> None:
    """Without an attack there is nothing random."""
    for first, second in zip(
        losses("ibp", model, images, training_step()),
        losses("ibp", model, images, training_step(seed=(9, 9))),
        strict=True,
    ):
        np.testing.assert_array_equal(first, second)
