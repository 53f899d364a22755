"""The table of layers that bounds can be had of, and what each does to numbers.

A layer that is not in it is refused by its name and class; so is one that calculates in anything but float32.
"""

import math
from collections.abc import Callable

from robust_digits.certify.rounding import FUNCTION
from robust_digits.certify.rules import Affine, Call, Reach, Rising, Rule, Unbounded, Weights
from robust_digits.runtime import keras, tf

layers, activations = keras.layers, keras.activations
_AXES = 2  # of a map: rows, columns

_ACTIVATIONS: dict[Callable[[tf.Tensor], tf.Tensor], list[Rule]] = {
    activations.linear: [],
    activations.relu: [Rising(tf.nn.relu, slope=0.0)],
    activations.relu6: [Rising(tf.nn.relu6)],
    activations.leaky_relu: [Rising(activations.leaky_relu, roundings=2, slope=0.2)],
    activations.elu: [Rising(activations.elu, FUNCTION, absolute=True)],
    activations.sigmoid: [Rising(tf.sigmoid, FUNCTION, absolute=True)],
    activations.softplus: [Rising(tf.nn.softplus, FUNCTION, absolute=True)],
    activations.tanh: [Rising(tf.tanh, FUNCTION, absolute=True)],
}


def rules(call: Call) -> list[Rule]:
    """Return what a layer does as one rule after the other; at least one.

    Raises
    ------
    Unbounded
        If the layer is not in the tables.
    """
    build = _RULES.get(type(call.layer))
    if build is None:
        raise call.refuse()
    if call.layer.compute_dtype != "float32" or getattr(call.layer, "quantization_mode", None) is not None:
        raise call.refuse(" but in float32")
    if getattr(call.layer, "data_format", "channels_last") != "channels_last":
        raise call.refuse(" but with channels last")
    return [build(call), *_activation(call)]


def _activation(call: Call) -> list[Rule]:
    function = getattr(call.layer, "activation", activations.linear)
    if function not in _ACTIVATIONS:
        name = getattr(function, "__name__", type(function).__name__)
        raise Unbounded(f"no bounds through the activation {name} of {call.layer.name} ({type(call.layer).__name__})")
    return _ACTIVATIONS[function]


def _same(_: Call) -> Affine:
    return Affine(lambda inputs, _: inputs[0], lambda _: Weights(None), roundings=0, reach=Reach())


def _unweighted(call: Call, roundings: int = 0) -> Affine:
    """Return what a layer without weights does, which makes sums of its inputs, or only moves them."""
    many = len(call.shapes) > 1

    def sums(inputs: list[tf.Tensor], _: tf.Tensor | None) -> tf.Tensor:
        return call.layer.call(inputs if many else inputs[0])  # not the layer itself, which casts to float32

    return Affine(sums, lambda _: Weights(None), roundings)


def _rising(call: Call) -> Rising:
    return Rising(call.layer.call)


def _relu(call: Call) -> Rising:
    layer = call.layer
    whole = layer.max_value is None and layer.threshold == 0 and layer.negative_slope <= 1
    return Rising(layer.call, roundings=2, slope=float(layer.negative_slope) if whole else None)


def _leaky_relu(call: Call) -> Rising:
    slope = float(call.layer.negative_slope)
    return Rising(call.layer.call, roundings=2, slope=slope if slope <= 1 else None)


def _average(call: Call) -> Affine:
    size = getattr(call.layer, "pool_size", call.shapes[0][1:3])
    if None in size:
        raise call.refuse(" but of a known size")
    return _unweighted(call, math.prod(size) + 2)


def _merged(call: Call) -> Affine:
    return _unweighted(call, len(call.shapes) + 2)


def _convolution(call: Call) -> Affine:
    layer, plain = call.layer, set(call.layer.dilation_rate) == {1} and call.layer.groups == 1
    sizes = [size for size in call.shapes[0][1:3] if size is not None]

    def back(
        gradient: tf.Tensor, kernel: tf.Tensor, shape: tuple[int, ...], padding: str = layer.padding.upper()
    ) -> tf.Tensor:
        return tf.nn.conv2d_transpose(gradient, kernel, (tf.shape(gradient)[0], *shape), layer.strides, padding)

    return Affine(
        lambda inputs, kernel: layer.convolution_op(inputs[0], kernel),
        lambda dtype: _learnt(layer, dtype),
        math.prod(layer.kernel.shape[:-1]) + 1,
        back=back if plain else None,
        reach=_reach(layer, *sizes) if plain and len(sizes) == _AXES else None,
    )


def _reach(layer: keras.layers.Conv2D, *sizes: int) -> Reach:
    """Return what a pixel of a convolution is made of; "same" pads the first rows and columns with the smaller half."""
    kernel, strides = layer.kernel_size, layer.strides
    missing = (
        (-(-size // stride) - 1) * stride + width - size
        for size, width, stride in zip(sizes, kernel, strides, strict=True)
    )
    down, right = (max(each, 0) // 2 if layer.padding == "same" else 0 for each in missing)
    return Reach(kernel, strides, (down, right))


def _dense(call: Call) -> Affine:
    layer, matrix = call.layer, len(call.shapes[0]) == 2  # noqa: PLR2004 (n, features)
    return Affine(
        lambda inputs, kernel: tf.matmul(inputs[0], kernel) if matrix else tf.tensordot(inputs[0], kernel, 1),
        lambda dtype: _learnt(layer, dtype),
        layer.kernel.shape[0] + 1,
        dense=matrix,
    )


def _learnt(layer: keras.layers.Layer, dtype: tf.DType) -> Weights:
    kernel = tf.cast(layer.kernel, dtype)
    if not layer.use_bias:
        return Weights(kernel)
    bias = tf.cast(layer.bias, dtype)
    return Weights(kernel, bias, tf.abs(bias))


def _scaling(weights: Callable[[tf.DType], Weights], roundings: int) -> Affine:
    """Return what multiplies and shifts each channel."""
    return Affine(lambda inputs, scale: inputs[0] * scale, weights, roundings, reach=Reach())


def _batch_normalization(call: Call) -> Affine:
    layer = call.layer
    if layer.axis not in {-1, len(call.shapes[0]) - 1}:
        raise call.refuse(" but of the last axis")

    def weights(dtype: tf.DType) -> Weights:
        kept = (layer.moving_mean, layer.moving_variance)
        mean, variance = (tf.cast(value, dtype) for value in call.moments.get(layer, kept))
        scale = tf.math.rsqrt(variance + layer.epsilon)
        scale = scale * tf.cast(layer.gamma, dtype) if layer.scale else scale
        shift = tf.cast(layer.beta, dtype) if layer.center else tf.zeros_like(mean)
        return Weights(scale, shift - mean * scale, tf.abs(shift) + tf.abs(mean * scale))

    # scale: epsilon as a float32, the sum, four for the root, the product; then two products and two sums
    return _scaling(weights, roundings=11)


def _rescaling(call: Call) -> Affine:
    def weights(dtype: tf.DType) -> Weights:
        offset = tf.cast(call.layer.offset, dtype)
        return Weights(tf.cast(call.layer.scale, dtype), offset, tf.abs(offset))

    return _scaling(weights, roundings=3)


_IDLE = (  # once a network is trained
    layers.Activation,
    layers.Dropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.SpatialDropout2D,
)
_MOVING = (
    layers.Concatenate,
    layers.Cropping2D,
    layers.Flatten,
    layers.Permute,
    layers.Reshape,
    layers.ZeroPadding2D,
)
_RULES: dict[type, Callable[[Call], Rule]] = {
    **dict.fromkeys(_IDLE, _same),
    **dict.fromkeys(_MOVING, _unweighted),
    layers.Add: _merged,
    layers.Average: _merged,
    layers.AveragePooling2D: _average,
    layers.BatchNormalization: _batch_normalization,
    layers.Conv2D: _convolution,
    layers.Dense: _dense,
    layers.GlobalAveragePooling2D: _average,
    layers.GlobalMaxPooling2D: _rising,
    layers.LeakyReLU: _leaky_relu,
    layers.MaxPooling2D: _rising,
    layers.ReLU: _relu,
    layers.Rescaling: _rescaling,
}
