"""A two-class linear model: the smallest perturbation that changes its mind is known in closed form."""

import numpy as np
from numpy.typing import NDArray

from robust_digits.data.images import ImageSet
from robust_digits.runtime import keras

SIDE = 4


def model(weights: NDArray[np.float32], bias: float) -> keras.Model:
    """Return logits (-f/2, f/2) with f(x) = <weights, x> + bias: class 1 where f is positive."""
    network = keras.Sequential(
        [keras.layers.Input((SIDE, SIDE, 1)), keras.layers.Flatten(), keras.layers.Dense(2, name="logits")]
    )
    network.layers[-1].set_weights(
        [np.stack([-weights / 2, weights / 2], axis=1), np.array([-bias / 2, bias / 2], np.float32)]
    )
    return network


def case(seed: int = 0, *, count: int = 6) -> tuple[keras.Model, ImageSet, NDArray[np.float64]]:
    """Return a linear model, grey images far from 0 and 1 with the classes it gives them, and f of each.

    The distance of an image to the boundary is |f| over the dual norm of the weights, which are also returned by
    `gradient`.
    """
    generator = np.random.default_rng(seed)
    weights = gradient(seed)
    images = generator.uniform(0.45, 0.55, (count, SIDE, SIDE, 1)).astype(np.float32)
    bias = -float(np.median(images.reshape(count, -1) @ weights))
    scores = images.reshape(count, -1).astype(np.float64) @ weights + bias
    return model(weights, bias), ImageSet(images, (scores > 0).astype(np.int64)), scores


def level(distance: float, seed: int = 0, *, count: int = 6) -> tuple[keras.Model, ImageSet]:
    """Return a linear model and images far from 0 and 1, its two classes in turn, all equally near to the boundary.

    An L-infinity perturbation flips an image if, and only if, it may be larger than `distance`.
    """
    weights = gradient(seed).astype(np.float64)
    images = np.random.default_rng(seed).uniform(0.45, 0.55, (count, SIDE * SIDE))
    bias = -float(weights.sum() / 2)
    labels = np.arange(count) % 2
    missing = (2 * labels - 1) * distance * np.abs(weights).sum() - (images @ weights + bias)
    images += np.outer(missing / (weights @ weights), weights)
    shaped = images.reshape(count, SIDE, SIDE, 1).astype(np.float32)
    return model(gradient(seed), bias), ImageSet(shaped, labels.astype(np.int64))


def gradient(seed: int = 0) -> NDArray[np.float32]:
    """Return the weights of `case` and `level`: none is near zero, so that signs are certain."""
    generator = np.random.default_rng(1000 + seed)
    sizes = generator.uniform(0.5, 1.5, SIDE * SIDE)
    weights: NDArray[np.float32] = (sizes * generator.choice([-1, 1], SIDE * SIDE)).astype(np.float32)
    return weights
