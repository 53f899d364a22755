"""The losses that attacks ascend: one value an image, larger the better the attack has succeeded."""

from collections.abc import Callable

import numpy as np

from robust_digits.runtime import tf

Loss = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]  # logits, labels, targets -> one value an image
_TINY = 1e-12


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """Return the cross-entropy of the true classes, in nats."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def margin(logits: tf.Tensor, labels: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """Return how far the best wrong class leads the true one (Carlini & Wagner 2017).

    Unlike the cross-entropy it keeps its gradient where the model is certain.
    """
    true = tf.one_hot(labels, logits.shape[-1], on_value=True, off_value=False)
    return tf.reduce_max(tf.where(true, -np.inf, logits), axis=1) - _of(logits, labels)


def logits_ratio(logits: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Return the difference of logits ratio: the margin over the spread of the logits (Croce & Hein 2020).

    Scaling the logits, which starves the cross-entropy of gradients, does not change it. Of two classes, which have
    no spread but the margin itself, it is the margin.
    """
    lead = margin(logits, labels, targets)
    if logits.shape[-1] < 3:  # noqa: PLR2004 (the third logit)
        return lead
    best = tf.math.top_k(logits, 3).values
    return lead / (best[:, 0] - best[:, 2] + _TINY)


def targeted_logits_ratio(logits: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Return the same for how far the target leads the true class; of fewer than four classes, without the spread."""
    lead = _of(logits, targets) - _of(logits, labels)
    if logits.shape[-1] < 4:  # noqa: PLR2004 (the fourth logit)
        return lead
    best = tf.math.top_k(logits, 4).values
    return lead / (best[:, 0] - (best[:, 2] + best[:, 3]) / 2 + _TINY)


def _of(logits: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    return tf.gather(logits, classes, axis=1, batch_dims=1)
