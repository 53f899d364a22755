"""The table of networks: each maps images of a shape to logits, one for each class.

No network ends in a softmax: attacks need the gradients that it would flatten. What can be set of a network are the
keyword arguments of its function; their defaults are its source's. *Watson* and *Keras library* are documents that
docs/seeds.md names in full.
"""

import inspect
from collections.abc import Callable, Mapping

from robust_digits.errors import InputError
from robust_digits.learn.choices import Architecture
from robust_digits.runtime import keras

layers = keras.layers

_SMALL = 1e-5  # beside the variance of what is normalized: bounds train small weights


def one_convolution(classes: int, *, kernel_size: int = 3, dropout: float = 0.25) -> list[keras.Layer]:
    """Return the "1 layer CNN" of *Watson, part 2*, which *Watson* attacks: one convolution, a hidden layer of 128."""
    return [
        layers.Conv2D(32, kernel_size, activation="relu"),
        layers.MaxPool2D(2),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dropout(dropout),
        layers.Dense(classes),
    ]


def two_convolutions(classes: int, *, kernel_size: int = 3, dropout: float = 0.25) -> list[keras.Layer]:
    """Return Keras' MNIST example, on which *Keras library* tries kernel size, batch size, optimizer and loss.

    `dropout` is that of the convolutions; the hidden layer keeps its half.
    """
    return [
        layers.Conv2D(32, kernel_size, activation="relu"),
        layers.Conv2D(64, kernel_size, activation="relu"),
        layers.MaxPool2D(2),
        layers.Dropout(dropout),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(classes),
    ]


def two_wide_convolutions(classes: int, *, kernel_size: int = 5, dropout: float = 0.2) -> list[keras.Layer]:
    """Return the network that *Keras library* ends with.

    `dropout` is that of the convolutions; the hidden layer keeps its half.
    """
    return [
        layers.Conv2D(64, kernel_size, activation="relu"),
        layers.Conv2D(64, kernel_size, activation="relu"),
        layers.MaxPool2D(2),
        layers.Dropout(dropout),
        layers.Flatten(),
        layers.Dense(256, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(classes),
    ]


def three_convolutions(classes: int, *, kernel_size: int = 3, dropout: float = 0.1) -> list[keras.Layer]:
    """Return the "3 layers CNN" of *Watson, part 2*: three convolutions, one hidden layer of 128."""
    return [
        layers.Conv2D(32, kernel_size, activation="relu"),
        layers.Conv2D(32, kernel_size, activation="relu"),
        layers.MaxPool2D(2),
        layers.Conv2D(32, kernel_size, activation="relu"),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dropout(dropout),
        layers.Dense(classes),
    ]


def batch_normalized(classes: int, *, dropout: float = 0.2) -> list[keras.Layer]:
    """Return four convolutions and a hidden layer of 512, each normalized over the batch before its relu."""
    return [
        *_normalized(layers.Conv2D(32, 3)),
        *_normalized(layers.Conv2D(32, 3)),
        layers.MaxPool2D(2),
        *_normalized(layers.Conv2D(64, 3)),
        *_normalized(layers.Conv2D(64, 3)),
        layers.MaxPool2D(2),
        layers.Flatten(),
        *_normalized(layers.Dense(512)),
        layers.Dropout(dropout),
        layers.Dense(classes),
    ]


def strided(classes: int, *, width: int = 16) -> list[keras.Layer]:
    """Return the small network of Wong, Rice & Kolter 2020 ("Fast is better than free"): strides instead of pooling.

    `width` is that of the first convolution; the layers after it grow in proportion.
    """
    return [
        layers.Conv2D(width, 4, strides=2, padding="same", activation="relu"),
        layers.Conv2D(2 * width, 4, strides=2, padding="same", activation="relu"),
        layers.Flatten(),
        layers.Dense(100 * width // 16, activation="relu"),
        layers.Dense(classes),
    ]


def thresholded(classes: int, *, width: int = 16) -> list[keras.Layer]:
    """Return `strided` behind four thresholds of each pixel: how far it is above 0.3 and 0.6, below 0.4 and 0.7.

    A small change of a dark pixel then moves only what is dark, and of a light one what is light. Adversarially
    trained networks learn such filters (Madry et al. 2018, appendix C); this one starts with them, and may move them.
    """
    return [_thresholds(), *strided(classes, width=width)]


def provable(classes: int, *, width: int = 16) -> list[keras.Layer]:
    """Return `thresholded`, normalized over the batch behind the thresholds: what bounds train best.

    Without normalisation they train filters that never answer.
    """
    return [
        _thresholds(),
        *_normalized(layers.Conv2D(width, 4, strides=2, padding="same", use_bias=False), epsilon=_SMALL),
        *_normalized(layers.Conv2D(2 * width, 4, strides=2, padding="same", use_bias=False), epsilon=_SMALL),
        layers.Flatten(),
        *_normalized(layers.Dense(100 * width // 16, use_bias=False), epsilon=_SMALL),
        layers.Dense(classes),
    ]


def cnn7(classes: int, *, width: int = 64) -> list[keras.Layer]:
    """Return CNN7, which the records of certified training are held with (Shi et al. 2021): for a GPU, or a day.

    `width` is that of the first convolution; the layers after it grow in proportion.
    """
    convolutions = [(width, 1), (width, 1), (2 * width, 2), (2 * width, 1), (2 * width, 1)]
    return [
        *(
            layer
            for filters, stride in convolutions
            for layer in _normalized(
                layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False), epsilon=_SMALL
            )
        ),
        layers.Flatten(),
        *_normalized(layers.Dense(8 * width, use_bias=False), epsilon=_SMALL),
        layers.Dense(classes),
    ]


def binarized(classes: int, *, width: int = 16) -> list[keras.Layer]:
    """Return `strided` behind a steep threshold of each pixel: black below 0.4, white above 0.6.

    A perturbation of 0.3 then moves what is grey, and hardly anything of black and white. Beyond the threshold a
    hundredth of its slope is left, so that no gradient loses its sign, which is what attacks in L-infinity follow. It
    loses its size, so that attacks in L2, which follow that, are weaker than they might be.
    """
    leak = 0.01
    threshold = [
        layers.Rescaling(-5.0, 3.0),  # 1 at 0.4, 0 at 0.6
        layers.LeakyReLU(leak),
        layers.Rescaling(-1.0, 1.0),  # upright again: 0 at 0.4, 1 at 0.6
        layers.LeakyReLU(leak),
    ]
    return [*threshold, *strided(classes, width=width)]


def patches(classes: int, *, width: int = 32) -> list[keras.Layer]:
    """Return a network that sees an image as patches of 7x7 pixels, one every four: for images without fine detail.

    What an attacker does to single pixels is lost in so large a patch. `width` is that of the first convolution; the
    layers after it grow in proportion.
    """
    return [
        layers.Conv2D(width, 7, strides=4, padding="same", activation="relu"),
        layers.Conv2D(2 * width, 3, strides=2, padding="same", activation="relu"),
        layers.Flatten(),
        layers.Dense(4 * width, activation="relu"),
        layers.Dense(classes),
    ]


def fully_connected(classes: int, *, depth: int = 2, width: int = 512, dropout: float = 0.2) -> list[keras.Layer]:
    """Return hidden layers of relu with dropout after each: 784-512-512-10 for MNIST."""
    return [layers.Flatten(), *_hidden("relu", depth, width, dropout), layers.Dense(classes)]


def sigmoid(classes: int, *, depth: int = 1, width: int = 256, dropout: float = 0.2) -> list[keras.Layer]:
    """Return the multi-layer perceptron of *Keras library*: sigmoid, dropout after each layer (there: between them)."""
    return [layers.Flatten(), *_hidden("sigmoid", depth, width, dropout), layers.Dense(classes)]


def tanh(classes: int, *, depth: int = 2, width: int = 50) -> list[keras.Layer]:
    """Return hidden layers of tanh, their weights drawn as by Glorot & Bengio 2010 ("Understanding the difficulty")."""
    hidden = [layers.Dense(width, activation="tanh", kernel_initializer="glorot_normal") for _ in range(depth)]
    return [layers.Flatten(), *hidden, layers.Dense(classes, kernel_initializer="glorot_normal")]


NETWORKS: dict[Architecture, Callable[..., list[keras.Layer]]] = {
    "one_convolution": one_convolution,
    "two_convolutions": two_convolutions,
    "two_wide_convolutions": two_wide_convolutions,
    "three_convolutions": three_convolutions,
    "batch_normalized": batch_normalized,
    "strided": strided,
    "thresholded": thresholded,
    "binarized": binarized,
    "provable": provable,
    "cnn7": cnn7,
    "patches": patches,
    "fully_connected": fully_connected,
    "sigmoid": sigmoid,
    "tanh": tanh,
}


def build(
    architecture: Architecture,
    *,
    shape: tuple[int, ...],
    classes: int,
    section: str = "train",
    options: Mapping[str, float | None] | None = None,
) -> keras.Model:
    """Return a network with fresh weights: images of `shape` (height, width, channels) in [0, 1] to logits (n, k).

    `options` are keyword arguments of the network; None leaves it its own value. `section` is the section of
    params.yaml that messages name.

    Raises
    ------
    InputError
        If the images are too small for the network, or it has no such option.
    """
    chosen = {name: value for name, value in (options or {}).items() if value is not None}
    _refuse_unknown(architecture, chosen, section=section)
    sizes = "".join(f", {name} {value:g}" for name, value in chosen.items())
    refused = f"{section}.architecture: {architecture}{sizes} does not fit images of shape {shape}"
    try:
        model = keras.Sequential([layers.Input(shape), *NETWORKS[architecture](classes, **chosen)])
    except ValueError as error:
        raise InputError(f"{refused}: {str(error).splitlines()[0]}") from None
    for layer in model.layers:
        if 0 in layer.output.shape:
            raise InputError(f"{refused}: nothing is left of them after {layer.name}")
    return model


def _refuse_unknown(architecture: Architecture, chosen: Mapping[str, float], *, section: str) -> None:
    legal = list(inspect.signature(NETWORKS[architecture]).parameters)[1:]
    for name, value in chosen.items():
        if name not in legal:
            has = ", ".join(legal)
            raise InputError(f"{section}.{name}: expected null, because {architecture} has {has}; got {value:g}")


def _thresholds() -> keras.Layer:
    """Return how far each pixel is above 0.3 and 0.6, below 0.4 and 0.7, doubled."""
    return layers.Conv2D(
        4,
        1,
        activation="relu",
        kernel_initializer=keras.initializers.Constant([2.0, 2.0, -2.0, -2.0]),
        bias_initializer=keras.initializers.Constant([-0.6, -1.2, 0.8, 1.4]),
    )


def _normalized(layer: keras.Layer, *, epsilon: float = 1e-3) -> list[keras.Layer]:
    """Return a layer that is normalized over the batch before its relu; the default of `epsilon` is Keras' own."""
    return [layer, layers.BatchNormalization(epsilon=epsilon), layers.Activation("relu")]


def _hidden(activation: str, depth: int, width: int, dropout: float) -> list[keras.Layer]:
    return [
        layer for _ in range(depth) for layer in (layers.Dense(width, activation=activation), layers.Dropout(dropout))
    ]
