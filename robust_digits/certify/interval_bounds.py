"""Interval bound propagation (Gowal et al. 2018): what a network answers anywhere in a box around an image.

An attack finds one way to break an image; its failure proves nothing. These bounds prove that there is none. They are
sound but not tight: an image that they do not certify may stand all the same.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robust_digits.arrays.perturbation import TOLERANCE
from robust_digits.certify.boxes import PROOF, TRAINING, Arithmetic, Box, between, propagate, rounding
from robust_digits.certify.graph import Step, steps
from robust_digits.certify.rounding import LARGEST
from robust_digits.certify.rules import Affine, Unbounded
from robust_digits.data.images import ImageSet
from robust_digits.runtime import keras, tf

_BATCH = 512


class Margins(NamedTuple):
    """How far each logit can lead the true one, (n, classes), and the boxes of all values on the way, image first."""

    worst: tf.Tensor
    boxes: list[Box]


def unsupported(model: keras.Model) -> str | None:
    """Return why no bounds can be had of a network, in one line, or None where they can."""
    try:
        steps(model)
    except Unbounded as reason:
        return str(reason)
    return None


def worst_margins(
    network: list[Step], images: tf.Tensor, labels: tf.Tensor, eps: tf.Tensor, arithmetic: Arithmetic = TRAINING
) -> Margins:
    """Return how far each logit can lead the true one anywhere in the boxes of radius `eps`, cut to [0, 1].

    `images` are (n, height, width, channels), `labels` int64 (n,), the result (n, classes), 0 in the true class; below
    0 in all others, an image is certified. As logits of a loss these are the worst that the box can do. A dense layer
    at the end is folded into the differences, which is tighter than bounds of each logit (Gowal et al. 2018).
    """
    return _margins(network, _within(images, eps), labels, arithmetic)


def _margins(network: list[Step], image: Box, labels: tf.Tensor, arithmetic: Arithmetic) -> Margins:
    boxes = propagate(network[:-1], [image], arithmetic)
    last = network[-1]
    if isinstance(last.rule, Affine) and last.rule.dense:
        return Margins(_folded(last.rule, boxes[last.takes[0]], labels, arithmetic), boxes)
    boxes = propagate([last], boxes, arithmetic)
    return Margins(_apart(boxes[-1], labels), boxes)


def certified(model: keras.Model, images: ImageSet, *, eps: float) -> NDArray[np.bool_]:
    """Return which images (n,) are proven to be classified right anywhere within `eps` (L-infinity) of them.

    The proof is of the network as it runs in float32 (rounding.py), and of every image that an evaluation would take
    for one within `eps`. The network must not be `unsupported`.
    """
    network = steps(model)
    return np.concatenate([_proven(network, batch, eps=eps) for batch in images.batches(_BATCH)])


def image_boxes(images: ImageSet, *, eps: float) -> Box:
    """Return the boxes of radius `eps` about images, cut to [0, 1], and what an evaluation tolerates around them."""
    radius = eps + 2 * TOLERANCE  # twice, because sizes are measured in float32
    return _within(tf.constant(images.images, PROOF.dtype), tf.constant(radius, PROOF.dtype))


def overflows(boxes: list[Box]) -> tf.Tensor:
    """Return for which images (n,) a value on the way might overflow in float32, or has no bound."""
    within = [tf.reduce_all(tf.reshape(box.radius < LARGEST, (len(box.radius), -1)), axis=1) for box in boxes]
    return ~tf.reduce_all(tf.stack(within), axis=0)


def _within(images: tf.Tensor, eps: tf.Tensor) -> Box:
    return between(tf.maximum(images - eps, 0.0), tf.minimum(images + eps, 1.0))


def _proven(network: list[Step], batch: ImageSet, *, eps: float) -> NDArray[np.bool_]:
    labels = tf.constant(batch.labels)
    worst, boxes = _margins(network, image_boxes(batch, eps=eps), labels, PROOF)
    behind = tf.reduce_all((worst < 0) | (_truth(worst, labels) > 0), axis=1)  # not so where a bound is not a number
    proven: NDArray[np.bool_] = (behind & ~overflows(boxes)).numpy()
    return proven


def _folded(rule: Affine, box: Box, labels: tf.Tensor, arithmetic: Arithmetic) -> tf.Tensor:
    """Return the worst leads behind a dense layer: bounds of the differences of its logits."""
    kernel, constant, _ = rule.weights(arithmetic.dtype)
    bias = tf.zeros_like(kernel[0]) if constant is None else constant
    truth = tf.one_hot(labels, kernel.shape[1], dtype=kernel.dtype)
    leads = kernel[None] - tf.matmul(truth, kernel, transpose_b=True)[:, :, None]  # (n, features, classes)
    worst = tf.einsum("nf,nfk->nk", box.centre, leads) + tf.einsum("nf,nfk->nk", box.radius, tf.abs(leads))
    worst += bias - tf.matmul(truth, bias[:, None])
    if not arithmetic.sound:
        return worst
    rounded = rounding(rule, [box])
    return worst + rounded + tf.reduce_sum(truth * rounded, axis=1, keepdims=True)


def _apart(box: Box, labels: tf.Tensor) -> tf.Tensor:
    """Return the worst leads between logits of which only the box is known."""
    truth = _truth(box.centre, labels)
    lowest = tf.reduce_sum(truth * (box.centre - box.radius), axis=1, keepdims=True)
    return (1 - truth) * (box.centre + box.radius - lowest)


def _truth(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    return tf.one_hot(labels, logits.shape[1], dtype=logits.dtype)
