"""How much arithmetic a network needs, and how fast this machine does it: no implementation can be faster."""

import math

from benchmarks import answer
from robust_digits.runtime import keras, tf

_BILLION = 1e9
_TIMES = 8  # products between two looks at the clock


def forward(layer: keras.Layer) -> float:
    """Return the operations of a layer with weights on one image, in billions: products and sums."""
    products: int = math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape)
    return 2 * products / _BILLION


def weighted(model: keras.Model) -> list[keras.Layer]:
    """Return the layers of a model that multiply by a kernel."""
    return [layer for layer in model.layers if hasattr(layer, "kernel")]


def rate(side: int) -> float:
    """Return the seconds of a billion operations in products of square matrices of float32."""
    left, right = tf.random.normal((side, side)), tf.random.normal((side, side))

    def work(times: int) -> None:
        for _ in range(times):
            tf.matmul(left, right).numpy()

    seconds, times = answer.best(work, [_TIMES])
    return seconds / (times * 2 * side**3 / _BILLION)
