"""Enlarge or shrink images to one size."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from robust_digits.data.images import ImageSet


def resize(whole: ImageSet, *, size: int) -> ImageSet:
    """Return the set with images of `size` x `size` pixels, by bilinear interpolation; unchanged if they are that."""
    if whole.images.shape[1:3] == (size, size):
        return whole
    channels = whole.images.shape[-1]
    images = np.empty((len(whole), size, size, channels), np.float32)
    for source, target in zip(whole.images, images, strict=True):
        for channel in range(channels):
            target[..., channel] = _bilinear(source[..., channel], size)
    return ImageSet(images, whole.labels)


def _bilinear(pixels: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    resized = Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR)
    return np.clip(np.asarray(resized), 0, 1)  # rounding may leave [0, 1] by one unit in the last place
