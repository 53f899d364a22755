"""Windows of maps: where a function is of a few pixels only, the others need not be carried along.

A unit of a convolution sees a small part of the image, so that most weights of a function of it are 0 on the way back.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robust_digits.certify.rules import Reach
from robust_digits.runtime import tf


class Window(NamedTuple):
    """A window for each place: `corners` (places, 2), the row and column that it starts at, and one `size` of all.

    It may reach beyond its map, where there is nothing.
    """

    corners: NDArray[np.int64]
    size: tuple[int, int]

    @classmethod
    def pixels(cls, shape: tuple[int, ...]) -> "Window":
        """Return a window of one pixel at each place of a map (rows, columns, channels), row by row."""
        return cls(np.argwhere(np.ones(shape[:2])), (1, 1))

    def through(self, reach: Reach) -> "Window":
        """Return the windows that these are made of."""
        rows, columns = (
            (size - 1) * stride + width for size, stride, width in zip(self.size, reach.stride, reach.size, strict=True)
        )
        return Window(self.corners * reach.stride - reach.before, (rows, columns))

    def of(self, whole: tf.Tensor) -> tf.Tensor:
        """Return maps (n, rows, columns, channels) in each window, 0 outside of it: (n, places, *size, channels)."""
        _, rows, columns, channels = whole.shape
        down, right = (self._at(axis) for axis in (0, 1))
        inside = ((down >= 0) & (down < rows))[:, :, None] & ((right >= 0) & (right < columns))[:, None]
        pixels = np.where(inside, 1 + down[:, :, None] * columns + right[:, None], 0)
        flat = tf.pad(tf.reshape(whole, (-1, rows * columns, channels)), [[0, 0], [1, 0], [0, 0]])
        return tf.gather(flat, pixels, axis=1)

    def whole(self, weights: tf.Tensor, places: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
        """Return weights (m, *size, channels) at `places` (m,) as those of a map: (m, rows, columns, channels)."""
        down, right = (
            tf.gather(tf.constant(self._at(axis)[:, :, None] == np.arange(shape[axis]), weights.dtype), places)
            for axis in (0, 1)
        )
        return tf.einsum("mrwc,mri,mwj->mijc", weights, down, right)

    def _at(self, axis: int) -> NDArray[np.int64]:
        """Return the rows, or columns, of each window, (places, size)."""
        at: NDArray[np.int64] = self.corners[:, axis, None] + np.arange(self.size[axis])
        return at
