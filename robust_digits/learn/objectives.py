"""What a step of hardening makes small: for each method, the losses of a batch, with the attack inside it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from robust_digits import backward
from robust_digits.certify import tight
from robust_digits.certify.boxes import Box
from robust_digits.certify.graph import steps
from robust_digits.certify.interval_bounds import worst_margins
from robust_digits.certify.rules import Moments
from robust_digits.learn.recipe import Method
from robust_digits.runtime import keras, tf

Losses = tuple[tf.Tensor, tf.Tensor]
"""Losses (n,), and the logits (n, classes) whose accuracy the history tells."""

_REACH = 2.5  # eps: how far all steps together could go, as in Madry et al. 2018
_SINGLE = 1.25  # eps: the one step of Wong, Rice & Kolter 2020
_NUDGE = 0.001  # standard deviation of the start of TRADES: at the image itself the divergence has no gradient


@dataclass(frozen=True)
class TrainingStep:
    """What a step of training is told, beside its batch.

    `eps` is the radius that the ramp has reached, `grown` that radius as a share of the full one. The inner attack
    takes `steps` of `step` times eps (None: the method's own); `seed`, int (2,), is of its random start. `weight`
    is that of the second term of a loss. What keeps boxes tight weighs `tighten` (None: nothing) while eps grows; it
    and the clean loss are of the first `clean_images` (None: of all).
    """

    eps: tf.Tensor
    grown: tf.Tensor
    steps: int
    step: float | None
    weight: float | None
    seed: tf.Tensor
    tighten: float | None = None
    clean_images: int | None = None


def pgd(model: keras.Model, images: tf.Tensor, labels: tf.Tensor, now: TrainingStep) -> Losses:
    """Cross-entropy of images that projected gradient descent moved, from a random start (Madry et al. 2018)."""
    noise = tf.random.stateless_uniform(tf.shape(images), now.seed, -1.0, 1.0)
    start = tf.clip_by_value(images + now.eps * noise, 0.0, 1.0)
    network = backward.network(model)
    moved = ascend(lambda at: _cross_entropy(network(at), labels), images, start, now)
    return _clean(model, moved, labels)


def fast(model: keras.Model, images: tf.Tensor, labels: tf.Tensor, now: TrainingStep) -> Losses:
    """As `pgd`, with a single step (Wong, Rice & Kolter 2020)."""
    return pgd(model, images, labels, replace(now, steps=1, step=now.step or _SINGLE))


def trades(model: keras.Model, images: tf.Tensor, labels: tf.Tensor, now: TrainingStep) -> Losses:
    """Cross-entropy of the images, plus how far an attack moves the probabilities (Zhang et al. 2019)."""
    network, before = backward.network(model), tf.nn.softmax(model(images, training=False))
    start = tf.clip_by_value(images + _NUDGE * tf.random.stateless_normal(tf.shape(images), now.seed), 0.0, 1.0)
    moved = ascend(lambda at: _divergence(before, network(at)), images, start, now)
    losses, logits = _clean(model, images, labels)
    return losses + now.weight * _divergence(tf.nn.softmax(logits), model(moved, training=True)), logits


def ibp(model: keras.Model, images: tf.Tensor, labels: tf.Tensor, now: TrainingStep) -> Losses:
    """Cross-entropy of the images and of the worst logits in the box, which gain weight with it (Gowal et al. 2018).

    Accuracy is told by the worst logits. What batch normalisations do to boxes is what they do to the clean images of
    the batch (Shi et al. 2021).
    """
    few = now.clean_images
    logits, moments = _with_moments(model, images[:few])
    network = steps(model, moments)
    worst, boxes = worst_margins(network, images, labels, now.eps)
    clean = _cross_entropy(logits, labels[:few])
    share = now.weight * now.grown
    losses = (1 - share) * (clean if few is None else tf.reduce_mean(clean)) + share * _cross_entropy(worst, labels)
    if now.tighten is not None:
        # Without a box there is nothing to keep small, and with a whole one it weighs nothing: for most of a run, then,
        # it need not be calculated.
        growing = tf.logical_and(now.grown > 0, now.grown < 1)
        some = [Box(box.centre[:few], box.radius[:few]) for box in boxes]
        loose = tf.cond(growing, lambda: (1 - now.grown) * tight.looseness(network, some), lambda: tf.zeros(()))
        losses += now.tighten * loose
    return losses, worst


def mixed(model: keras.Model, images: tf.Tensor, labels: tf.Tensor, now: TrainingStep) -> Losses:
    """Cross-entropy under attack, mixed with that of the worst logits (MTL-IBP, De Palma et al. 2024)."""
    losses, logits = pgd(model, images, labels, now)
    worst = worst_margins(steps(model), images, labels, now.eps).worst
    share = now.weight * now.grown
    return (1 - share) * losses + share * _cross_entropy(worst, labels), logits


METHODS: dict[Method, Callable[[keras.Model, tf.Tensor, tf.Tensor, TrainingStep], Losses]] = {
    "pgd": pgd,
    "fast": fast,
    "trades": trades,
    "ibp": ibp,
    "mixed": mixed,
}


def ascend(loss: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor, start: tf.Tensor, now: TrainingStep) -> tf.Tensor:
    """Return images within eps of `images`, in [0, 1], that raise a loss, found by signed steps from `start`."""
    step = now.eps * (now.step or _REACH / now.steps)
    moved = start
    for _ in range(now.steps):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(moved)
            total = tf.reduce_sum(loss(moved))
        moved += step * tf.sign(tape.gradient(total, moved))
        moved = tf.clip_by_value(tf.clip_by_value(moved, images - now.eps, images + now.eps), 0.0, 1.0)
    return tf.stop_gradient(moved)


def _clean(model: keras.Model, images: tf.Tensor, labels: tf.Tensor) -> Losses:
    logits = model(images, training=True)
    return _cross_entropy(logits, labels), logits


def _with_moments(model: keras.Model, images: tf.Tensor) -> tuple[tf.Tensor, Moments]:
    """Return the logits of images in training, and the mean and variance in front of each batch normalisation."""
    values, moments = images, {}
    for layer in model.layers:  # one after another: a model of their inputs would calculate each of these anew
        if isinstance(layer, keras.layers.BatchNormalization):
            moments[layer] = tf.nn.moments(values, list(range(len(values.shape) - 1)))
        values = layer(values, training=True)
    return values, moments


def _cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def _divergence(before: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return the Kullback-Leibler divergence (n,) of the softmax of `logits` from the probabilities `before`."""
    return tf.reduce_sum(tf.math.xlogy(before, before) - before * tf.nn.log_softmax(logits), axis=1)
