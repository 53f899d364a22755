"""The one room that loads and wraps ART: a classifier that its attacks can query, with compiled calls.

Other modules import `evasion`, ART's attacks, from here, so that loading it stays quiet.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack import blocks
from robust_digits.attack.blocks import ROWS
from robust_digits.runtime import keras, tf

with warnings.catch_warnings():
    # ART warns that PyTorch, one of the frameworks it can serve, is missing; this project does not use it.
    warnings.simplefilter("ignore", UserWarning)
    from art.attacks import evasion
    from art.estimators.classification import TensorFlowV2Classifier

__all__ = ["BATCH", "Classifier", "TensorFlowV2Classifier", "evasion"]

BATCH = 1024  # images at a time: the fastest size measured on two cores, and little memory


class Classifier(TensorFlowV2Classifier):
    """A model that gives logits, as ART's attacks see it.

    Differs from ART's own class in speed, not in results: everything is compiled, and asked about batches of one shape.
    The loss that attacks ascend, the cross-entropy, is summed over images, so that the gradient of one does not depend
    on how many others are in its batch.
    """

    def __init__(self, model: keras.Model, *, rows: int = ROWS) -> None:
        """Take a Keras model that gives logits; it is asked about so many `rows` at a time, some of them padding."""
        shape, classes = model.input_shape[1:], model.output_shape[-1]
        super().__init__(
            model, nb_classes=classes, input_shape=shape, loss_object=_cross_entropy, clip_values=(0.0, 1.0)
        )
        real, images = tf.TensorSpec((rows,), tf.bool), tf.TensorSpec((rows, *shape), tf.float32)

        @tf.function(input_signature=[real, images])
        def logits(real: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor]:  # noqa: ARG001 (as blocks ask)
            return (model(x, training=False),)

        @tf.function(input_signature=[real, images, tf.TensorSpec((rows, classes), tf.float32)])
        def gradient(real: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor]:  # noqa: ARG001 (as blocks ask)
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(x)
                total = tf.reduce_sum(_cross_entropy(y, model(x, training=False)))
            return (tape.gradient(total, x, unconnected_gradients=tf.UnconnectedGradients.ZERO),)

        @tf.function(input_signature=[real, images])
        def jacobian(real: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor]:  # noqa: ARG001 (as blocks ask)
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(x)
                outputs = model(x, training=False)
            return (tape.batch_jacobian(outputs, x),)

        self._rows, self._logits, self._gradient, self._jacobian = rows, logits, gradient, jacobian

    def predict(
        self,
        x: NDArray[np.float32],
        batch_size: int = BATCH,  # noqa: ARG002 (ART's; batches have one shape here)
        training_mode: bool = False,  # noqa: FBT001, FBT002 (ART's signature)
        *,
        indices: NDArray[np.int64] | None = None,
        **_: Any,  # noqa: ANN401
    ) -> NDArray[np.float32]:
        """Return the logits (n, classes), float32, of images (n, height, width, channels) in [0, 1].

        `indices` (n,) say which of the test images they are, the first ones if None.
        """
        _refuse_training(training_mode=training_mode)
        found: NDArray[np.float32] = blocks.ask(self._logits, _float32(x), indices=indices, rows=self._rows)[0]
        return found

    def loss_gradient(
        self,
        x: Any,  # noqa: ANN401 (ART passes arrays or tensors and expects the same back)
        y: Any,  # noqa: ANN401
        training_mode: bool = False,  # noqa: FBT001, FBT002
        **_: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Return the gradient of the summed loss by `x`, of the same shape; `y` is one-hot (n, classes)."""
        _refuse_training(training_mode=training_mode)
        gradient = blocks.ask(self._gradient, _float32(x), _float32(y), rows=self._rows)[0]
        return gradient if isinstance(x, np.ndarray) else tf.constant(gradient)

    def class_gradient(
        self,
        x: NDArray[np.float32],
        label: int | list[int] | NDArray[np.int64] | None = None,
        training_mode: bool = False,  # noqa: FBT001, FBT002 (ART's signature)
        **_: Any,  # noqa: ANN401
    ) -> NDArray[np.float32]:
        """Return the gradients of the logits by `x`: all (n, classes, ...), or (n, 1, ...) of one class an image."""
        _refuse_training(training_mode=training_mode)
        gradients: NDArray[np.float32] = blocks.ask(self._jacobian, _float32(x), rows=self._rows)[0]
        if label is None:
            return gradients
        rows = np.arange(len(gradients))
        chosen: NDArray[np.float32] = gradients[rows, np.broadcast_to(label, len(rows))]
        return chosen[:, np.newaxis]


def _cross_entropy(one_hot: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return the cross-entropy of each image, in nats."""
    return tf.nn.softmax_cross_entropy_with_logits(one_hot, logits)


def _float32(values: Any) -> NDArray[np.float32]:  # noqa: ANN401 (arrays or tensors)
    return np.asarray(values, np.float32)


def _refuse_training(*, training_mode: bool) -> None:
    if training_mode:
        raise NotImplementedError("attacks query the model as it predicts, without dropout; got training_mode=True")
