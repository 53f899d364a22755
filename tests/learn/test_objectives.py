"""The attack inside a step of hardening is ART's, and each method makes small what its paper says."""

from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from support.linear import gradient, level

from robust_digits.attack.classifier import Classifier, evasion
from robust_digits.certify.interval_bounds import worst_margins
from robust_digits.data.images import ImageSet
from robust_digits.learn import networks
from robust_digits.learn.choices import Architecture
from robust_digits.learn.objectives import METHODS, TrainingStep, ascend
from robust_digits.learn.recipe import Method
from robust_digits.runtime import keras, tf

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]

Images = NDArray[np.float32]
EPS, SIDE, CLASSES = 0.2, 8, 5
ATTACKED = ["pgd", "fast", "trades", "mixed"]  # methods with a random start
NOW = {"steps": 4, "step": None, "weight": 0.25}


def training_step(
    *,
    eps: float = EPS,
    grown: float = 1.0,
    seed: tuple[int, int] = (3, 1),
    **changed: Any,  # noqa: ANN401 (fields of a step)
) -> TrainingStep:
    """Return what a step of training is told."""
    return TrainingStep(
        eps=tf.constant(eps, tf.float32),
        grown=tf.constant(grown, tf.float32),
        seed=tf.constant(seed, tf.int64),
        **(NOW | changed),
    )


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Return a network with fresh weights, without dropout: what it answers does not depend on whether it trains."""
    keras.utils.set_random_seed(0)
    return networks.build("strided", shape=(SIDE, SIDE, 1), classes=CLASSES)


def noise(count: int, *, side: int) -> ImageSet:
    """Return noise with pixels that are exactly 0 and 1 in it."""
    pixels = np.random.default_rng(0).uniform(-0.3, 1.3, (count, side, side, 1)).clip(0, 1).astype(np.float32)
    return ImageSet(pixels, np.arange(count) % CLASSES)


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """Return images for the network."""
    return noise(12, side=SIDE)


def transparent() -> keras.Model:
    """Return a network whose logits are the pixels it sees: they show where an attack went."""
    pixels = SIDE * SIDE
    network = keras.Sequential(
        [keras.layers.Input((SIDE, SIDE, 1)), keras.layers.Flatten(), keras.layers.Dense(pixels)]
    )
    network.layers[-1].set_weights([np.eye(pixels, dtype=np.float32), np.zeros(pixels, np.float32)])
    return network


def cross_entropy(logits: NDArray[Any], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the cross-entropy of each row, by its definition."""
    exact = np.asarray(logits, np.float64)
    lost: NDArray[np.float64] = np.log(np.exp(exact).sum(axis=1)) - exact[np.arange(len(labels)), labels]
    return lost


def divergence(before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.float64]:
    """Return the Kullback-Leibler divergence of the softmax of `after` from that of `before`, by its definition."""
    first, second = (np.exp(np.asarray(logits, np.float64)) for logits in (before, after))
    first, second = (each / each.sum(axis=1, keepdims=True) for each in (first, second))
    found: NDArray[np.float64] = (first * np.log(first / second)).sum(axis=1)
    return found


def started(images: ImageSet, now: TrainingStep) -> Images:
    """Return the random start of an attack, anywhere in the box."""
    noise = tf.random.stateless_uniform(images.images.shape, now.seed, -1.0, 1.0).numpy()
    begin: Images = np.clip(images.images + now.eps.numpy() * noise, 0, 1)
    return begin


@cache
def classifier(model: keras.Model) -> Classifier:
    """Return a model as ART's attacks see it, compiled once."""
    return Classifier(model)


def by_art(model: keras.Model, images: ImageSet, start: Images, *, steps: int, step: float, eps: float = EPS) -> Images:
    """Return where ART's projected gradient descent ends: as many steps, each so long, from the same start."""
    attack = evasion.ProjectedGradientDescentNumpy(
        classifier(model), norm=np.inf, eps=eps, eps_step=step, max_iter=steps, num_random_init=0, verbose=False
    )
    one_hot = np.eye(model.output_shape[-1], dtype=np.float32)[images.labels]
    moved = start.copy()
    for _ in range(steps):
        moved = attack._compute(  # noqa: SLF001 (a step of ART's own, which its `generate` starts elsewhere)
            moved, images.images, one_hot, None, eps, step, project=True, random_init=False
        )
    return moved


def losses(method: Method, model: keras.Model, images: ImageSet, now: TrainingStep) -> tuple[Images, Images]:
    """Return the losses (n,) of a method, and the logits that it tells accuracy by."""
    found = METHODS[method](model, tf.constant(images.images), tf.constant(images.labels), now)
    return found[0].numpy(), found[1].numpy()


def test_params_may_choose_every_method() -> None:
    """The names that params.yaml may use are the names in the table."""
    assert set(get_args(Method)) == set(METHODS)


# The attack


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
    network, images = networks.build(architecture, shape=(16, 16, 1), classes=CLASSES), noise(6, side=16)
    for steps, step, length in ((1, 1.0, 1.0), (1, None, 2.5), (7, None, 2.5 / 7), (5, 0.3, 0.3)):
        now = training_step(steps=steps, step=step)
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


# The losses


def clean(model: keras.Model, images: Images) -> Images:
    """Return the logits of images."""
    logits: Images = model(images, training=False).numpy()
    return logits


def bounds(model: keras.Model, images: ImageSet, eps: float) -> NDArray[np.float64]:
    """Return the cross-entropy of the worst logits in the box."""
    leads = worst_margins(model, tf.constant(images.images), tf.constant(images.labels), tf.constant(eps, tf.float32))
    return cross_entropy(leads.numpy(), images.labels)


@pytest.mark.parametrize("step", [None, 0.4])
@pytest.mark.parametrize("eps", [0.05, EPS])
def test_pgd_is_the_cross_entropy_of_what_art_finds(
    step: float | None, eps: float, model: keras.Model, images: ImageSet
) -> None:
    """The loss and the logits are those of the images that ART's attack ends at, from the same start."""
    now = training_step(eps=eps, step=step)
    length = (2.5 / 4 if step is None else step) * eps
    moved = by_art(model, images, started(images, now), steps=4, step=length, eps=eps)
    found, logits = losses("pgd", model, images, now)
    np.testing.assert_allclose(found, cross_entropy(clean(model, moved), images.labels), rtol=1e-4)
    np.testing.assert_allclose(logits, clean(model, moved), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("step", "length"), [(None, 1.25), (0.7, 0.7)])
def test_fast_is_one_step_of_one_and_a_quarter_eps(
    step: float | None, length: float, model: keras.Model, images: ImageSet
) -> None:
    """Whatever `steps` says, there is one, of 1.25 eps if nothing else is asked for."""
    for steps in (1, 9):
        now = training_step(steps=steps, step=step)
        moved = by_art(model, images, started(images, now), steps=1, step=length * EPS)
        found, _ = losses("fast", model, images, now)
        np.testing.assert_allclose(found, cross_entropy(clean(model, moved), images.labels), rtol=1e-4)


@pytest.mark.parametrize("weight", [0.5, 6.0])
def test_trades_is_cross_entropy_and_divergence(weight: float, model: keras.Model, images: ImageSet) -> None:
    """The loss is the cross-entropy of the images and `weight` times the divergence that an ascent of it reaches."""
    now = training_step(weight=weight)
    before = tf.nn.softmax(clean(model, images.images))
    nudge = 0.001 * tf.random.stateless_normal(images.images.shape, now.seed)
    moved = tf.clip_by_value(images.images + nudge, 0.0, 1.0)
    for _ in range(4):
        with tf.GradientTape() as tape:
            tape.watch(moved)
            apart = tf.reduce_sum(keras.losses.kl_divergence(before, tf.nn.softmax(model(moved, training=False))))
        moved += 2.5 / 4 * EPS * tf.sign(tape.gradient(apart, moved))
        moved = tf.clip_by_value(tf.clip_by_value(moved, images.images - EPS, images.images + EPS), 0.0, 1.0)
    apart = divergence(clean(model, images.images), clean(model, moved.numpy()))
    assert apart.min() > 1e-4
    found, logits = losses("trades", model, images, now)
    expected = cross_entropy(clean(model, images.images), images.labels) + weight * apart
    np.testing.assert_allclose(found, expected, rtol=2e-3)
    np.testing.assert_allclose(logits, clean(model, images.images), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("weight", "grown"), [(1.0, 1.0), (0.5, 1.0), (0.5, 0.5), (1.0, 0.0)])
def test_ibp_shares_out_clean_and_worst(weight: float, grown: float, model: keras.Model, images: ImageSet) -> None:
    """The worst logits have `weight` of the loss when eps is full, and less in proportion while it grows."""
    eps = 0.02 * grown
    share = weight * grown
    expected = (1 - share) * cross_entropy(clean(model, images.images), images.labels)
    expected += share * bounds(model, images, eps)
    found, logits = losses("ibp", model, images, training_step(eps=eps, grown=grown, weight=weight))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(logits, clean(model, images.images), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("weight", "grown"), [(0.1, 1.0), (0.5, 0.5)])
def test_mixed_shares_out_attacked_and_worst(weight: float, grown: float, model: keras.Model, images: ImageSet) -> None:
    """As in ibp, with the loss of `pgd` in the place of the clean one."""
    now = training_step(eps=0.02 * grown, grown=grown, weight=weight)
    attacked, logits = losses("pgd", model, images, now)
    expected = (1 - weight * grown) * attacked + weight * grown * bounds(model, images, 0.02 * grown)
    found, told = losses("mixed", model, images, now)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(told, logits, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("grown", [0.0, 1.0])
@pytest.mark.parametrize("method", METHODS)
def test_without_a_box_every_method_is_plain_training(
    method: Method, grown: float, model: keras.Model, images: ImageSet
) -> None:
    """At eps 0, where the ramp starts, every loss is the cross-entropy of the images as they are."""
    found, logits = losses(method, model, images, training_step(eps=0.0, grown=grown))
    np.testing.assert_allclose(found, cross_entropy(clean(model, images.images), images.labels), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(logits, clean(model, images.images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_a_larger_box_is_worse(method: Method, model: keras.Model, images: ImageSet) -> None:
    """Every method loses more on average the more the attack, or the box, may do."""
    means = [float(losses(method, model, images, training_step(eps=eps))[0].mean()) for eps in (0.0, 0.1, 0.3)]
    assert means == sorted(means)
    assert means[0] < means[-1]


def test_weights_learn_from_where_the_attack_ended(model: keras.Model, images: ImageSet) -> None:
    """The gradient by the weights is that of the loss at the moved images: none flows through the attack."""
    now = training_step()
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(METHODS["pgd"](model, tf.constant(images.images), tf.constant(images.labels), now)[0])
    found = tape.gradient(total, model.trainable_variables)
    moved = tf.constant(by_art(model, images, started(images, now), steps=4, step=2.5 / 4 * EPS))
    with tf.GradientTape() as tape:
        logits = model(moved, training=True)
        total = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(images.labels, logits))
    for one, other in zip(found, tape.gradient(total, model.trainable_variables), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_every_weight_learns(method: Method, model: keras.Model, images: ImageSet) -> None:
    """Each method has a finite gradient by every weight, also for a model that is certain of its answer."""
    for gain in (1.0, 300.0):
        certain = keras.models.clone_model(model)
        certain.set_weights(model.get_weights())
        certain.layers[-1].kernel.assign(gain * certain.layers[-1].kernel)
        with tf.GradientTape() as tape:
            found = METHODS[method](certain, tf.constant(images.images), tf.constant(images.labels), training_step())[0]
        assert np.isfinite(found).all()
        for slope in tape.gradient(found, certain.trainable_variables):
            assert np.isfinite(slope).all()
            assert np.any(slope)


def test_the_attack_sees_no_dropout(images: ImageSet) -> None:
    """The network trains with dropout, which the attack on it does not see: what it finds is what ART finds."""
    keras.utils.set_random_seed(0)
    dropping = networks.build("one_convolution", shape=(SIDE, SIDE, 1), classes=CLASSES)
    seen: list[tuple[Images, bool]] = []

    def noting(moved: tf.Tensor, *, training: bool) -> tf.Tensor:
        seen.append((np.asarray(moved), training))
        return dropping(moved, training=training)

    now = training_step()
    METHODS["pgd"](noting, tf.constant(images.images), tf.constant(images.labels), now)
    assert [training for _, training in seen] == [False] * 4 + [True]
    expected = by_art(dropping, images, started(images, now), steps=4, step=2.5 / 4 * EPS)
    np.testing.assert_allclose(seen[-1][0], expected, atol=1e-6)
