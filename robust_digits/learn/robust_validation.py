"""Attack a model on validation images while it is trained: what chooses the best epoch, and sees a collapse."""

from typing import Any

from robust_digits import backward
from robust_digits.data.images import ImageSet
from robust_digits.learn.objectives import TrainingStep, ascend
from robust_digits.runtime import keras, tf

FIRST = 1000  # of the first validation images
STEPS = 10


def compiled_robust_validation(model: keras.Model, validation: ImageSet, *, eps: float, seed: int) -> Any:  # noqa: ANN401 (compiled)
    """Return a compiled function: () -> accuracy under one step and under PGD from a random start.

    Asked of the first validation images at radius `eps`; the start is the same each time, so that epochs compare.
    """
    validated = validation[:FIRST]
    images, labels = tf.constant(validated.images), tf.constant(validated.labels)
    network = backward.network(model)
    noise = tf.random.stateless_uniform(images.shape, (seed, 0), -eps, eps)

    def accuracy(start: tf.Tensor, steps: int, step: float | None) -> tf.Tensor:
        full = tf.constant(eps, tf.float32)
        now = TrainingStep(eps=full, grown=tf.ones(()), steps=steps, step=step, weight=None, seed=tf.zeros(2, tf.int32))
        moved = ascend(lambda at: _cross_entropy(network(at), labels), images, start, now)
        return tf.reduce_mean(tf.cast(tf.argmax(model(moved, training=False), 1) == labels, tf.float32))

    @tf.function
    def run() -> tuple[tf.Tensor, tf.Tensor]:
        start = tf.clip_by_value(images + noise, 0.0, 1.0)
        return accuracy(images, 1, 1.0), accuracy(start, STEPS, None)

    return run


def _cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
