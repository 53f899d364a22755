"""A detector beside a model: a number for each image, larger the more it looks like an attack."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack import blocks
from robust_digits.attack.blocks import ROWS
from robust_digits.runtime import tf

# images (n, height, width, channels) -> the model's logits (n, classes), scores (n,); whoever attacks follows gradients
Look = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Detector:
    """A detector and its model, asked at once, compiled once."""

    def __init__(self, look: Look, shape: tuple[int, ...]) -> None:
        """Take how the detector sees images, and their shape (height, width, channels)."""
        self.look, self.shape = look, shape
        signature = [tf.TensorSpec((ROWS,), tf.bool), tf.TensorSpec((ROWS, *shape), tf.float32)]
        self._ask = tf.function(lambda real, images: look(images), input_signature=signature)  # noqa: ARG005 (as blocks ask)

    def see(self, images: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the class that the model gives each of n images, int64 (n,), and the scores, float64 (n,)."""
        logits, scores = blocks.ask(self._ask, images)
        return logits.argmax(axis=1), scores.astype(np.float64)
