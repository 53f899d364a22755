"""Interval bound propagation (Gowal et al. 2018): what a network answers anywhere in a box around an image.

An attack finds one way to break an image; its failure proves nothing. These bounds prove that there is none. They go
through a plain sequence of layers, and are sound but not tight: an image that they do not certify may stand all the
same.
"""

import numpy as np
from numpy.typing import NDArray

from robust_digits.data.images import ImageSet
from robust_digits.runtime import keras, tf

_AFFINE = (keras.layers.Conv2D, keras.layers.Dense)
_ELEMENTWISE = (  # each output only rises or only falls with each input; so the ends of a box stay its ends
    keras.layers.Activation,
    keras.layers.AveragePooling2D,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.LeakyReLU,
    keras.layers.MaxPooling2D,
    keras.layers.ReLU,
    keras.layers.Rescaling,
)
_MONOTONE = (keras.activations.linear, keras.activations.relu, keras.activations.sigmoid, keras.activations.tanh)
_BATCH = 512
_ROUNDING = 1e-4  # of a difference of logits: float32 sums lose a little, and a proof must not


def unsupported(model: keras.Model) -> str | None:
    """Return why no bounds can be had of a network, or None where they can."""
    if not isinstance(model, keras.Sequential):
        return "expected a plain sequence of layers"
    for layer in model.layers:
        if type(layer) not in (*_AFFINE, *_ELEMENTWISE):
            return f"no bounds through a layer {type(layer).__name__}"
        activation = getattr(layer, "activation", keras.activations.linear)
        if activation not in _MONOTONE:
            return f"no bounds through the activation {getattr(activation, '__name__', type(activation).__name__)}"
    last = model.layers[-1]
    if type(last) is not keras.layers.Dense or last.activation is not keras.activations.linear:
        return "expected logits from a dense layer at the end"
    return None


def worst_margins(model: keras.Model, images: tf.Tensor, labels: tf.Tensor, eps: tf.Tensor) -> tf.Tensor:
    """Return how far each logit can lead the true one anywhere in the boxes of radius `eps`, cut to [0, 1].

    `images` are float32 (n, height, width, channels), `labels` int64 (n,), the result float32 (n, classes), 0 in the
    true class; below 0 in all others, an image is certified. As logits of a loss these are the worst that the box can
    do. The last layer is folded into the differences, which is tighter than bounds of each logit (Gowal et al. 2018).
    """
    low, high = tf.maximum(images - eps, 0.0), tf.minimum(images + eps, 1.0)
    for layer in model.layers[:-1]:
        low, high = _through(layer, low, high)
    last = model.layers[-1]
    kernel, bias = tf.convert_to_tensor(last.kernel), tf.convert_to_tensor(last.bias)
    truth = tf.one_hot(labels, kernel.shape[1])
    leads = kernel[None] - tf.matmul(truth, kernel, transpose_b=True)[:, :, None]  # (n, features, classes)
    centre, radius = (low + high) / 2, (high - low) / 2
    worst = tf.einsum("nf,nfk->nk", centre, leads) + tf.einsum("nf,nfk->nk", radius, tf.abs(leads))
    return worst + bias - tf.matmul(truth, bias[:, None])


def certified(model: keras.Model, images: ImageSet, *, eps: float) -> NDArray[np.bool_]:
    """Return which images (n,) are proven to be classified right anywhere within `eps` (L-infinity) of them.

    The network must not be `unsupported`.
    """
    return np.concatenate([_proven(model, batch, eps=eps) for batch in images.batches(_BATCH)])


def _proven(model: keras.Model, batch: ImageSet, *, eps: float) -> NDArray[np.bool_]:
    leads = worst_margins(
        model, tf.constant(batch.images), tf.constant(batch.labels), tf.constant(eps, tf.float32)
    ).numpy()
    leads[np.arange(len(batch)), batch.labels] = -np.inf
    proven: NDArray[np.bool_] = leads.max(axis=1) < -_ROUNDING
    return proven


def _through(layer: keras.Layer, low: tf.Tensor, high: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the box of what a layer makes of a box."""
    if isinstance(layer, _AFFINE):
        low, high = _affine(layer, (low + high) / 2, (high - low) / 2)
        return layer.activation(low), layer.activation(high)
    ends = layer(low, training=False), layer(high, training=False)
    return tf.minimum(*ends), tf.maximum(*ends)  # a negative scale swaps them


def _affine(layer: keras.Layer, centre: tf.Tensor, radius: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the box of the sums of a layer: the radius grows with the absolute weights."""
    kernel = tf.convert_to_tensor(layer.kernel)
    if isinstance(layer, keras.layers.Dense):
        centre, radius = tf.matmul(centre, kernel), tf.matmul(radius, tf.abs(kernel))
    else:
        centre, radius = layer.convolution_op(centre, kernel), layer.convolution_op(radius, tf.abs(kernel))
    if layer.use_bias:
        centre += layer.bias
    return centre - radius, centre + radius
