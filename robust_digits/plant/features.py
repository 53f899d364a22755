"""The features of a network: what its last layer with weights is given."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits import backward
from robust_digits.attack import blocks, gentle
from robust_digits.attack.blocks import ROWS
from robust_digits.backward import Network
from robust_digits.runtime import keras, tf


class Features:
    """The features of one network, compiled once; its logits where no layer has weights."""

    def __init__(self, model: keras.Model) -> None:
        """Take a Keras model."""
        self._model = model
        self._last = next((layer for layer in reversed(list(backward.flat(model))) if layer.weights), None)
        network = self.network()
        images = tf.TensorSpec((ROWS, *model.input_shape[1:]), tf.float32)

        self._ask = tf.function(
            lambda real, images: (network(images),),  # noqa: ARG005 (as blocks ask)
            input_signature=[tf.TensorSpec((ROWS,), tf.bool), images],
        )

    def of(self, images: NDArray[np.float32], *, indices: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Return the features (n, features), float32, of images (n, height, width, channels) in [0, 1].

        `indices` (n,) say which of the test images they are, the first ones if None.
        """
        found: NDArray[np.float32] = blocks.ask(self._ask, images, indices=indices)[0]
        return found

    def network(self, *, adaptive: bool = False) -> Network:
        """Return a function from images to features; the gradients of an `adaptive` one pass what hides them in front.

        It gives tensors (n, features) for (n, height, width, channels).
        """
        whole = gentle.network(self._model) if adaptive else backward.network(self._model)

        def features(images: tf.Tensor) -> tf.Tensor:
            with _overheard(self._last) as heard:
                logits = whole(images)
            return tf.reshape(heard[-1] if heard else logits, (len(images), -1))

        return features


@contextmanager
def _overheard(layer: keras.layers.Layer | None) -> Iterator[list[tf.Tensor]]:
    """Write down, in this block, what a layer is given."""
    heard: list[tf.Tensor] = []
    if layer is None:
        yield heard
        return
    call = layer.call

    def listening(inputs: tf.Tensor, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 (as the layer's own)
        heard.append(inputs)
        return call(inputs, *arguments, **named)

    layer.call = listening
    try:
        yield heard
    finally:
        layer.call = call
