"""Enlarge or shrink images to one size."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from robust_digits.arrays import memory, scratch
from robust_digits.data.images import ImageSet


def resize(whole: ImageSet, *, size: int) -> ImageSet:
    """Return the set with images of `size` x `size` pixels, by bilinear interpolation; unchanged if they are that."""
    if whole.images.shape[1:3] == (size, size):
        return whole
    memory.check(len(whole) * size * size * whole.images.shape[-1], raw=0, where=f"images of {size}x{size} pixels")
    images = scratch.empty((len(whole), size, size, whole.images.shape[-1]), np.float32)
    for source, target in zip(whole.images, images, strict=True):
        target[:] = fit(source, size=size)
    return ImageSet(images, whole.labels)


def fit(pixels: NDArray[np.float32], *, size: int) -> NDArray[np.float32]:
    """Return one image (height, width, channels) with `size` x `size` pixels; unchanged if it has them."""
    if pixels.shape[:2] == (size, size):
        return pixels
    return np.stack([_bilinear(channel, size) for channel in np.moveaxis(pixels, -1, 0)], axis=-1)


def said(sizes: Collection[tuple[int, int]], *, size: int) -> list[str]:
    """Return what there is to say of images of some sizes, width first, that are resized: a line or none."""
    if set(sizes) == {(size, size)}:
        return []
    names = [f"{width}x{height}" for width, height in sorted(sizes, key=lambda each: (each[0] * each[1], each))]
    many = f"{len(names)} sizes between {names[0]} and {names[-1]}"
    return [f"resized from {many if len(names) > 1 else names[0]} to {size}x{size} pixels"]


def _bilinear(pixels: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    resized = Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR)
    return np.clip(np.asarray(resized), 0, 1)  # rounding may leave [0, 1] by one unit in the last place
