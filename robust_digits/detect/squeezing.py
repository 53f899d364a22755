"""Feature squeezing (Xu, Evans & Qi 2018, "Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks").

A model that is sure of an image should be as sure of the same image with fewer grey levels, or smoothed. The score is
how far its probabilities move, in L1, under the squeezer that moves them most: from 0 to 2.

Where the model is certain of two different classes that distance is 2 and flat, and would hide from whoever attacks how
to make it smaller. Its gradient here is that of the Kullback-Leibler divergence, which is steep there, and by Pinsker's
inequality no smaller than half the square of the distance.
"""

from collections.abc import Callable

from robust_digits.attack import gentle
from robust_digits.detect.detector import Look
from robust_digits.detect.settings import Squeezing
from robust_digits.runtime import keras, tf

Squeezer = Callable[[tf.Tensor], tf.Tensor]  # images (n, height, width, channels) in [0, 1] -> the same, squeezed


def look(model: keras.Model, settings: Squeezing) -> Look:
    """Return how the detector sees images: the model's logits, and scores with a gradient."""
    network = gentle.network(model)
    squeezers = fewer_bits(settings.bits), median(settings.median)

    def seen(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        logits = network(images)
        whole = tf.nn.log_softmax(logits)
        others = [tf.nn.log_softmax(network(each(images))) for each in squeezers]
        moved = [tf.reduce_sum(tf.abs(tf.exp(whole) - tf.exp(other)), axis=1) for other in others]
        apart = [tf.reduce_sum(tf.exp(whole) * (whole - other), axis=1) for other in others]
        score, slope = (tf.reduce_max(tf.stack(each), axis=0) for each in (moved, apart))
        return logits, tf.stop_gradient(score) + (slope - tf.stop_gradient(slope))  # which adds exactly 0

    return seen


def fewer_bits(bits: int) -> Squeezer:
    """Return a squeezer to 2**bits levels; its gradient passes straight through the rounding (Bengio et al. 2013)."""
    steps = 2.0**bits - 1

    def squeezed(images: tf.Tensor) -> tf.Tensor:
        return images + tf.stop_gradient(tf.round(images * steps) / steps - images)

    return squeezed


def median(side: int) -> Squeezer:
    """Return a median filter of side x side pixels, mirrored at the edge; of two middle values the larger, as scipy.

    Its gradient is its own: all of it goes to the pixel that is the median.
    """
    before = side // 2
    behind = side - 1 - before
    rank = side * side - side * side // 2  # of the median, the largest being the first

    def squeezed(images: tf.Tensor) -> tf.Tensor:
        height, width = images.shape[1:3]
        padded = tf.pad(images, [[0, 0], [before, behind], [before, behind], [0, 0]], "SYMMETRIC")
        shifts = [padded[:, y : y + height, x : x + width] for y in range(side) for x in range(side)]
        return tf.math.top_k(tf.stack(shifts, axis=-1), rank).values[..., -1]

    return squeezed
