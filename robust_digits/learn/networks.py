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


def strided(classes: int) -> list[keras.Layer]:
    """Return the network of Wong, Rice & Kolter 2020: two strided convolutions, one hidden layer of 100."""
    return [
        layers.Conv2D(16, 4, strides=2, padding="same", activation="relu"),
        layers.Conv2D(32, 4, strides=2, padding="same", activation="relu"),
        layers.Flatten(),
        layers.Dense(100, activation="relu"),
        layers.Dense(classes),
    ]


def thresholded(classes: int) -> list[keras.Layer]:
    """Return `strided` behind four thresholds of each pixel: how far it is above 0.3 and 0.6, below 0.4 and 0.7.

    A small change of a dark pixel then moves only what is dark, and of a light one what is light. Adversarially
    trained networks learn such filters (Madry et al. 2018, appendix C); this one starts with them, and may move them.
    """
    thresholds = layers.Conv2D(
        4,
        1,
        activation="relu",
        kernel_initializer=keras.initializers.Constant([2.0, 2.0, -2.0, -2.0]),
        bias_initializer=keras.initializers.Constant([-0.6, -1.2, 0.8, 1.4]),
    )
    return [thresholds, *strided(classes)]


NETWORKS: dict[Architecture, Callable[[int], list[keras.Layer]]] = {
    "one_convolution": one_convolution,
    "strided": strided,
    "thresholded": thresholded,
}


def build(
    architecture: Architecture, *, shape: tuple[int, ...], classes: int, key: str = "train.architecture"
) -> keras.Model:
    """Return a network with fresh weights: images of `shape` (height, width, channels) in [0, 1] to logits (n, k).

    `key` is the parameter that chose the architecture, for messages.

    Raises
    ------
    InputError
        If the images are too small for the network.
    """
    refused = f"{key}: {architecture} does not fit images of shape {shape}"
    try:
        model = keras.Sequential([layers.Input(shape), *NETWORKS[architecture](classes)])
    except ValueError as error:
        raise InputError(f"{refused}: {str(error).splitlines()[0]}") from None
    for layer in model.layers:
        if 0 in layer.output.shape:
            raise InputError(f"{refused}: nothing is left of them after {layer.name}")
    return model
