"""What a step of hardening makes small is the loss of its paper, in closed form."""

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from support.bounded import worst
from support.objectives import CLASSES, EPS, SIDE, Images, by_art, losses, noise, started, training_step

from robust_digits.certify import graph, tight
from robust_digits.certify.interval_bounds import worst_margins
from robust_digits.data.images import ImageSet
from robust_digits.learn import models, networks
from robust_digits.learn.objectives import METHODS
from robust_digits.learn.recipe import Method
from robust_digits.runtime import keras, tf

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]


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


def clean(model: keras.Model, images: Images) -> Images:
    """Return the logits of images."""
    logits: Images = model(images, training=False).numpy()
    return logits


def bounds(model: keras.Model, images: ImageSet, eps: float) -> NDArray[np.float64]:
    """Return the cross-entropy of the worst logits in the box."""
    return cross_entropy(worst(model, images, eps), images.labels)


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
    np.testing.assert_allclose(logits, worst(model, images, eps), rtol=1e-5, atol=1e-6)


def test_the_clean_loss_may_be_that_of_few(model: keras.Model, images: ImageSet) -> None:
    """The clean loss of the first three images stands for that of all, which all have worst logits."""
    found, _ = losses("ibp", model, images, training_step(eps=0.02, weight=0.5, clean_images=3))
    first = cross_entropy(clean(model, images.images[:3]), images.labels[:3]).mean()
    np.testing.assert_allclose(found, 0.5 * first + 0.5 * bounds(model, images, 0.02), rtol=1e-4)


@pytest.mark.parametrize(
    ("grown", "weight", "few"), [(0.0, 0.0, None), (0.25, 0.75, None), (0.25, 0.75, 3), (1.0, 0.0, 3)]
)
def test_tightening_fades_as_the_box_grows(
    grown: float, weight: float, few: int | None, model: keras.Model, images: ImageSet
) -> None:
    """What keeps boxes tight, those of the images of the clean loss, weighs less and less, and nothing at full eps."""
    now = training_step(eps=0.1 * grown, grown=grown, weight=0.5, clean_images=few)
    plain, loose = (losses("ibp", model, images, replace(now, tighten=tighten))[0] for tighten in (None, 2.0))
    network, some = graph.steps(model), images[:few]
    margins = worst_margins(network, tf.constant(some.images), tf.constant(some.labels), tf.constant(0.1 * grown))
    np.testing.assert_allclose(loose - plain, 2.0 * weight * tight.looseness(network, margins.boxes), atol=1e-4)


def test_boxes_are_normalized_as_the_clean_batch() -> None:
    """Batch normalisation has mean and variance of the clean images of the batch, through which gradients flow."""
    keras.utils.set_random_seed(0)
    model = networks.build("provable", shape=(SIDE, SIDE, 1), classes=CLASSES, options={"width": 2})
    batch = noise(32, side=SIDE)
    shown, labels = tf.constant(batch.images), tf.constant(batch.labels)
    kept = [variable.numpy() for variable in model.non_trainable_variables]
    with tf.GradientTape() as tape:
        found, _ = METHODS["ibp"](model, shown, labels, training_step(eps=0.01, weight=1.0))
    slopes = tape.gradient(found, model.trainable_variables)
    assert all(slope is not None and np.isfinite(slope).all() for slope in slopes)
    for variable, before in zip(model.non_trainable_variables, kept, strict=True):
        assert np.abs(variable.numpy() - before).max() > 0, "running averages are kept for what predicts"
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            ahead = keras.Model(model.inputs, layer.input)(shown)
            mean, variance = tf.nn.moments(ahead, list(range(len(ahead.shape) - 1)))
            layer.moving_mean.assign(mean)
            layer.moving_variance.assign(variance)
    np.testing.assert_allclose(found, bounds(model, batch, 0.01), rtol=1e-3)


def test_clean_images_and_both_halves_of_a_box_pass_each_layer_once(tmp_path: Path) -> None:
    """A convolution is calculated three times in a step, whatever batch normalisations stand behind it.

    A model out of a file is asked, whose layers know each other in another way than those of one just built.
    """
    models.save(
        networks.build("provable", shape=(SIDE, SIDE, 1), classes=CLASSES, options={"width": 2}), tmp_path / "m.keras"
    )
    model = models.load(tmp_path / "m.keras")
    batch = noise(32, side=SIDE)
    step = tf.function(
        lambda: METHODS["ibp"](model, tf.constant(batch.images), tf.constant(batch.labels), training_step())
    )
    passed = [each for each in step.get_concrete_function().graph.get_operations() if each.type == "Conv2D"]
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(passed) == 3 * len(layers)


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
    expected = clean(model, images.images)
    np.testing.assert_allclose(found, cross_entropy(expected, images.labels), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(tf.nn.softmax(logits), tf.nn.softmax(expected), rtol=1e-4, atol=1e-5)


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

    class Noting:
        layers = dropping.layers

        def __call__(self, moved: tf.Tensor, *, training: bool) -> tf.Tensor:
            seen.append((np.asarray(moved), training))
            return dropping(moved, training=training)

    now = training_step()
    METHODS["pgd"](Noting(), tf.constant(images.images), tf.constant(images.labels), now)
    assert [training for _, training in seen] == [False] * 4 + [True]
    expected = by_art(dropping, images, started(images, now), steps=4, step=2.5 / 4 * EPS)
    np.testing.assert_allclose(seen[-1][0], expected, atol=1e-6)


def test_params_may_choose_every_method() -> None:
    """The names that params.yaml may use are the names in the table."""
    assert set(get_args(Method)) == set(METHODS)
