"""The table of networks: each maps images of a shape to logits, one for each class.

No network ends in a softmax: attacks need the gradients that it would flatten.
"""

from collections.abc import Callable

from robust_digits.errors import InputError
from robust_digits.learn.choices import Architecture
from robust_digits.runtime import keras

layers = keras.layers


def one_convolution(classes: int) -> list[keras.Layer]:
    """Return the ART tutorial's network: one convolution, one hidden layer of 128."""
    return [
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPool2D(2),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.25),
        layers.Dense(classes),
    ]


NETWORKS: dict[Architecture, Callable[[int], list[keras.Layer]]] = {
    "one_convolution": one_convolution,
}


def build(architecture: Architecture, *, shape: tuple[int, ...], classes: int) -> keras.Model:
    """Return a network with fresh weights: images of `shape` (height, width, channels) in [0, 1] to logits (n, k).

    Raises
    ------
    InputError
        If the images are too small for the network.
    """
    refused = f"train.architecture: {architecture} does not fit images of shape {shape}"
    try:
        model = keras.Sequential([layers.Input(shape), *NETWORKS[architecture](classes)])
    except ValueError as error:
        raise InputError(f"{refused}: {str(error).splitlines()[0]}") from None
    for layer in model.layers:
        if 0 in layer.output.shape:
            raise InputError(f"{refused}: nothing is left of them after {layer.name}")
    return model
