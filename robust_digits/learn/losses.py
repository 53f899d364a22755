"""The table of losses: true classes and logits to one value an image, to be minimized.

The losses that Keras defines on probabilities are those of the softmax of the logits here, because the networks that
they were compared on end in a softmax; binary cross-entropy too. Sums are taken in the logarithm where Keras clips
probabilities, so that no gradient vanishes where the model is surely wrong.
"""

from collections.abc import Callable

import numpy as np

from robust_digits.learn.choices import Loss
from robust_digits.runtime import keras, tf

Function = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (classes int64 (n,), logits (n, k)) -> losses (n,)


def categorical_crossentropy(truth: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return -log p of the true class, in nats."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(truth, logits)


def binary_crossentropy(truth: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return the mean over classes of -log p for the true one and -log(1 - p) for each other, in nats."""
    right = _one_hot(truth, logits)
    return -tf.reduce_mean(tf.where(right > 0, tf.nn.log_softmax(logits), _log_rest(logits)), axis=1)


def mean_squared_error(truth: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return the mean over classes of the squared distance of p to 1 for the true one, to 0 for each other."""
    return tf.reduce_mean(tf.square(tf.nn.softmax(logits) - _one_hot(truth, logits)), axis=1)


def mean_absolute_error(truth: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return the mean over classes of the distance of p to 1 for the true one, to 0 for each other."""
    return tf.reduce_mean(tf.abs(tf.nn.softmax(logits) - _one_hot(truth, logits)), axis=1)


def categorical_hinge(truth: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return 1 + the largest p of a wrong class - p of the true one."""
    return keras.losses.categorical_hinge(_one_hot(truth, logits), tf.nn.softmax(logits))


def poisson(truth: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return the mean over classes of p - y log p, with y 1 for the true class and 0 for each other."""
    log_p = tf.nn.log_softmax(logits)
    return tf.reduce_mean(tf.exp(log_p) - _one_hot(truth, logits) * log_p, axis=1)


LOSSES: dict[Loss, Function] = {
    "categorical_crossentropy": categorical_crossentropy,
    "binary_crossentropy": binary_crossentropy,
    "mean_squared_error": mean_squared_error,
    "mean_absolute_error": mean_absolute_error,
    "categorical_hinge": categorical_hinge,
    "poisson": poisson,
}


def _one_hot(truth: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.one_hot(truth, tf.shape(logits)[1])


def _log_rest(logits: tf.Tensor) -> tf.Tensor:
    """Return log(1 - p) of each class (n, k); for the likeliest one from the others, since 1 - p loses all digits."""
    likeliest = tf.one_hot(tf.argmax(logits, axis=1), tf.shape(logits)[1]) > 0
    others = tf.reduce_logsumexp(tf.where(likeliest, -np.inf, logits), axis=1, keepdims=True)
    everyone = tf.reduce_logsumexp(logits, axis=1, keepdims=True)
    p = tf.where(likeliest, 0.0, tf.nn.softmax(logits))
    return tf.where(likeliest, others - everyone, tf.math.log1p(-p))
