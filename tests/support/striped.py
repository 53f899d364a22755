"""Noisy images of two classes, dark and bright, and a linear model that can learn them."""

import numpy as np

from robust_digits.data.images import ImageSet
from robust_digits.runtime import keras


def striped(count: int, *, seed: int = 0) -> ImageSet:
    """Return noisy 6x6 images, dark (class 0) and bright (class 1) in turn."""
    labels = np.arange(count) % 2
    noise = np.random.default_rng(seed).uniform(0, 0.4, (count, 6, 6, 1))
    return ImageSet((noise + 0.6 * labels[:, None, None, None]).astype(np.float32), labels.astype(np.int64))


def linear(seed: int = 0) -> keras.Model:
    """Return a model with one dense layer: two logits."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.layers.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
