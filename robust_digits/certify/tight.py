"""Keep boxes small while a network is trained by them: first weights and a regulariser.

Both are of Shi et al. 2021 ("Fast Certified Robust Training with Short Warmup"). A box that grows from layer to layer
leaves nothing to learn from; usual first weights let it.
"""

import math
from collections.abc import Sequence

import numpy as np

from robust_digits.certify.boxes import Box
from robust_digits.certify.graph import Step
from robust_digits.certify.rules import Rising
from robust_digits.runtime import keras, tf

_TOLERATED = 0.5  # of the size of a box, and of the balance of units, that is not asked back
_NOTHING = 1e-8


def draw(model: keras.Model, *, seed: int) -> None:
    """Draw the kernels of a model anew, so that a box keeps its size; those that start as constants stay.

    They are normal with a standard deviation of the square root of 2 pi over the number of inputs to a unit.
    """
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is None or isinstance(layer.kernel_initializer, keras.initializers.Constant):
            continue
        inputs = math.prod(kernel.shape[:-1])
        kernel.assign(generator.normal(0, math.sqrt(2 * math.pi) / inputs, kernel.shape))


def looseness(network: Sequence[Step], boxes: Sequence[Box]) -> tf.Tensor:
    """Return how far boxes are from keeping their size and their units from being balanced: 0 where both are.

    The mean over the ReLU layers of two terms, each in units of what is tolerated: how much smaller than half of a
    box in front of one is that of the image, and how far units that are sure to be on and those that are sure to be
    off differ by more than twice, in the mean and in the variance of their centres.
    """
    ahead = [boxes[step.takes[0]] for step in network if isinstance(step.rule, Rising) and step.rule.slope is not None]
    image = tf.reduce_mean(boxes[0].radius)
    terms = [_growth(image, box) + _imbalance(box) for box in ahead]
    return tf.add_n(terms) / len(terms)


def _growth(image: tf.Tensor, box: Box) -> tf.Tensor:
    return _lacking(image / tf.maximum(tf.reduce_mean(box.radius), _NOTHING))


def _imbalance(box: Box) -> tf.Tensor:
    on, off = (tf.cast(sign * box.centre > box.radius, tf.float32) for sign in (1, -1))
    away = tf.square(box.centre - tf.reduce_mean(box.centre))
    means = tf.reduce_mean(box.centre * on), -tf.reduce_mean(box.centre * off)
    variances = tf.reduce_mean(away * on), tf.reduce_mean(away * off)
    return _lacking(_ratio(*means)) + _lacking(_ratio(*variances))


def _ratio(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    first, second = tf.maximum(first, _NOTHING), tf.maximum(second, _NOTHING)
    return tf.minimum(first / second, second / first)


def _lacking(ratio: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu(_TOLERATED - ratio) / _TOLERATED
