"""The network as an adaptive attack sees it: the same answers, but gradients that pass the thresholds in front of it.

Layers that change each pixel by itself, before any layer looks at several, can hide the gradient of everything behind
them where they are flat, and protect nobody. Backward through them goes a slope made gentle (BPDA; Athalye, Carlini &
Wagner 2018, "Obfuscated Gradients Give a False Sense of Security"). They are found by what they are, so that a network
need not declare them. A threshold of another kind, or in a branch of a graph, is not found: then the adversarial
examples that the evaluation plants are missed, and its check of that is red.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from robust_digits import backward
from robust_digits.backward import Network
from robust_digits.runtime import keras, tf

SLOPE = 0.3  # added to the slope of a bend on the way back: less than the slope of what lets a signal through
_IMAGES = 4  # dimensions of a batch of images
_LINEAR = (
    *(keras.layers.InputLayer, keras.layers.Identity, keras.layers.Flatten, keras.layers.Reshape),
    *(keras.layers.Rescaling, keras.layers.Normalization, keras.layers.BatchNormalization, keras.layers.ZeroPadding2D),
    *(keras.layers.Dropout, keras.layers.SpatialDropout2D, keras.layers.GaussianDropout, keras.layers.GaussianNoise),
)
_WEIGHTED = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
_BENDS = (
    *(keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.ELU, keras.layers.PReLU, keras.layers.Activation),
    *(keras.layers.Discretization, keras.layers.Softmax),
)


def network(model: keras.Model) -> Network:
    """Return a function of the same logits as the model's, whose gradient passes what bends it in front."""
    bent, whole = bends(model), backward.network(model)

    def logits(images: tf.Tensor) -> tf.Tensor:
        with ExitStack() as stack:
            for layer in bent:
                stack.enter_context(_gentle(layer))
            return whole(images)

    return logits


def bends(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers in front that bend the gradient; without any, the network's own way back is the gentle one."""
    return [layer for layer in front(model) if _bends(layer)]


def front(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers that change each pixel by itself, in front of the first that looks at several."""
    found: list[keras.layers.Layer] = []
    for layer in backward.flat(model):
        if not (isinstance(layer, _LINEAR) or _bends(layer) or _mixes_channels_only(layer)):
            break
        found.append(layer)
    return found


def _bends(layer: keras.layers.Layer) -> bool:
    activation = getattr(layer, "activation", None)
    bent = activation is not None and activation is not keras.activations.linear
    return isinstance(layer, _BENDS) or (_mixes_channels_only(layer) and bent)


def _mixes_channels_only(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, keras.layers.Dense):
        return len(layer.input.shape) == _IMAGES
    return isinstance(layer, _WEIGHTED) and set(layer.kernel_size) == {1} and set(layer.strides) == {1}


@contextmanager
def _gentle(layer: keras.layers.Layer) -> Iterator[None]:
    """Let a layer, in this block, pass a share of every gradient back; its answers stay the same."""
    name = "activation" if isinstance(layer, _WEIGHTED) else "call"
    bent: Callable[..., Any] = getattr(layer, name)

    def passing(inputs: tf.Tensor, *arguments: Any, **named: Any) -> tf.Tensor:  # noqa: ANN401 (as the layer's own)
        outputs = tf.cast(bent(inputs, *arguments, **named), inputs.dtype)
        return outputs + SLOPE * (inputs - tf.stop_gradient(inputs))

    setattr(layer, name, passing)
    try:
        yield
    finally:
        setattr(layer, name, bent)
