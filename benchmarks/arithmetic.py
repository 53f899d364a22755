"""How many products and sums a network takes, counted directly: a convolution by its kernel at every place."""

import math

from robust_digits.runtime import keras

_BILLION = 1e9


def answer(model: keras.Model) -> float:
    """Return the operations of a model's answer to one image, in billions."""
    return sum(map(forward, weighted(model)))


def gradient(model: keras.Model) -> float:
    """Return the operations of a gradient by one image, in billions: it costs as much as the answer that it is of."""
    return 2 * answer(model)


def step(model: keras.Model) -> float:
    """Return the operations on one image in a step of training: gradients by weights, and by all but the image."""
    return 3 * answer(model) - forward(weighted(model)[0])


def forward(layer: keras.Layer) -> float:
    """Return the operations of a layer with weights on one image, in billions: products and sums."""
    products: int = math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape)
    return 2 * products / _BILLION


def weighted(model: keras.Model) -> list[keras.Layer]:
    """Return the layers of a model that multiply by a kernel."""
    return [layer for layer in model.layers if hasattr(layer, "kernel")]
