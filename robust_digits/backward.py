"""The way back to the images, sooner: a convolution of few channels gets a gradient that is a convolution too.

The library's own gradient of a strided convolution, over the outputs spread apart by the stride, takes several times as
long as the rest of a small network; of an unstrided one it fills single channels where the processor could fill
sixteen. Here pixels are taken in blocks of a few strides a side, each of which comes from one window of outputs, so
that the gradient is a plain convolution into block x block x channels, whose result is laid out as pixels.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robust_digits.runtime import keras, tf

Network = Callable[[tf.Tensor], tf.Tensor]  # images -> logits

_FEW = 4  # input channels of a strided convolution; from about 8 on the library's own gradient is as fast
_BLOCK = 4  # pixels a side, of one that is not strided


def network(model: keras.Model) -> Network:
    """Return a function of the model's logits, (n, height, width, channels) -> (n, classes), whose way back is short.

    Gradients are those of the model but for rounding. Its layers act as they do after training.
    """
    slow = [layer for layer in flat(model) if _is_slow(layer)]

    def logits(images: tf.Tensor) -> tf.Tensor:
        with ExitStack() as stack:
            for layer in slow:
                stack.enter_context(_sooner(layer))
            return model(images, training=False)

    return logits


def flat(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield the layers of a model in order, those of models inside it too."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from flat(layer)
        else:
            yield layer


def _is_slow(layer: keras.layers.Layer) -> bool:
    return (
        type(layer) is keras.layers.Conv2D
        and set(layer.dilation_rate) == {1}
        and layer.groups == 1
        and layer.data_format == "channels_last"
        and _gains(layer.kernel.shape, layer.strides)
    )


def _gains(kernel: tuple[int, ...], strides: tuple[int, int]) -> bool:
    *sides, channels, _ = kernel
    if min(strides) > 1:
        return channels <= _FEW
    return channels == 1 and min(sides) > 1 and max(strides) == 1


@contextmanager
def _sooner(layer: keras.layers.Conv2D) -> Iterator[None]:
    """Let a layer, in this block, convolve with the gradient of this module."""
    whole = layer.convolution_op
    layer.convolution_op = lambda images, kernel: convolve(
        tf.convert_to_tensor(images), tf.convert_to_tensor(kernel), strides=layer.strides, padding=layer.padding
    )
    try:
        yield
    finally:
        layer.convolution_op = whole


def convolve(images: tf.Tensor, kernel: tf.Tensor, *, strides: tuple[int, int], padding: str) -> tf.Tensor:
    """Return the convolution of images (n, height, width, channels) with a kernel, "same" or "valid".

    `kernel` is (rows, columns, channels, filters). The gradient for the images is the one described above, that for
    the kernel the library's own.
    """
    axes = [
        _axis(size, width, stride, padding)
        for size, width, stride in zip(images.shape[1:3], kernel.shape[:2], strides, strict=True)
    ]

    def convolved(images: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[..., tuple[tf.Tensor, tf.Tensor]]]:
        def back(gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            own = tf.raw_ops.Conv2DBackpropFilter(
                input=images,
                filter_sizes=tf.shape(kernel),
                out_backprop=gradient,
                strides=[1, *strides, 1],
                padding=padding.upper(),
            )
            return _back(gradient, kernel, axes, images.shape), own

        return tf.nn.conv2d(images, kernel, strides, padding.upper()), back

    return tf.custom_gradient(convolved)(images, kernel)


class _Axis(NamedTuple):
    """One axis of the way back.

    `entries`, (window, block): which entry of the kernel leads from each output of a window to each pixel of a block;
    the kernel's width where none does. `apart` is how many outputs lie from one window to the next. `padding` is what
    the outputs lack before and behind; negative: what is too much.
    """

    entries: NDArray[np.int64]
    apart: int
    padding: tuple[int, int]


def _axis(size: int, width: int, stride: int, padding: str) -> _Axis:
    """Return the way back along one axis, of `size` pixels and a kernel of `width`."""
    outputs = -(-size // stride) if padding == "same" else (size - width) // stride + 1
    before = max((outputs - 1) * stride + width - size, 0) // 2 if padding == "same" else 0
    apart = _BLOCK if stride == 1 else 1
    block = apart * stride
    # Pixel block * q + r gets its gradient from output apart * q + d through entry r + before - stride * d.
    first, last = (before - width) // stride + 1, (block - 1 + before) // stride
    away = np.arange(first, last + 1)[:, np.newaxis]
    entries = np.arange(block) + before - stride * away
    entries[(entries < 0) | (entries >= width)] = width
    return _Axis(entries, apart, (-first, apart * (-(-size // block) - 1) + last - (outputs - 1)))


def _back(gradient: tf.Tensor, kernel: tf.Tensor, axes: list[_Axis], shape: tf.TensorShape) -> tf.Tensor:
    """Return the gradient for images of `shape`, given that for the outputs of a convolution."""
    (down, right), (channels, filters) = axes, kernel.shape[2:]
    spread = tf.pad(kernel, [[0, 1], [0, 1], [0, 0], [0, 0]])  # the entry behind the last is 0
    spread = tf.gather(tf.gather(spread, down.entries, axis=0), right.entries, axis=2)
    (rows, high), (columns, wide) = down.entries.shape, right.entries.shape
    spread = tf.reshape(tf.transpose(spread, (0, 2, 5, 1, 3, 4)), (rows, columns, filters, high * wide * channels))
    outputs = _padded(gradient, down.padding, right.padding)
    blocks = tf.nn.conv2d(outputs, spread, (down.apart, right.apart), "VALID")
    count, below, beside = tf.shape(blocks)[0], blocks.shape[1], blocks.shape[2]
    pixels = tf.transpose(tf.reshape(blocks, (count, below, beside, high, wide, channels)), (0, 1, 3, 2, 4, 5))
    return tf.reshape(pixels, (count, below * high, beside * wide, channels))[:, : shape[1], : shape[2]]


def _padded(outputs: tf.Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> tf.Tensor:
    """Return outputs with zeros before and behind; where the padding is negative, without so many of the last."""
    kept = outputs[:, : min(rows[1], 0) or None, : min(columns[1], 0) or None]
    zeros = ([before, max(behind, 0)] for before, behind in (rows, columns))
    return tf.pad(kept, [[0, 0], *zeros, [0, 0]])
