"""The one room that loads and wraps ART: a classifier that its attacks can query, with compiled calls.

Other modules import `evasion`, ART's attacks, from here, so that loading it stays quiet.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.runtime import keras, tf

with warnings.catch_warnings():
    # ART warns that PyTorch, one of the frameworks it can serve, is missing; this project does not use it.
    warnings.simplefilter("ignore", UserWarning)
    from art.attacks import evasion
    from art.estimators.classification import TensorFlowV2Classifier

__all__ = ["BATCH", "Classifier", "evasion"]

BATCH = 1024  # images at a time: the fastest size measured on two cores, and little memory


class Classifier(TensorFlowV2Classifier):
    """A model that gives logits, as ART's attacks see it.

    Differs from ART's own class in speed, not in results: `loss_gradient` is compiled, `predict` works in batches.
    The loss is summed over images, so that the gradient of one does not depend on how many others are in its batch.
    """

    def __init__(self, model: keras.Model) -> None:
        shape, classes = model.input_shape[1:], model.output_shape[-1]
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, reduction="sum")
        super().__init__(model, nb_classes=classes, input_shape=shape, loss_object=loss, clip_values=(0.0, 1.0))
        images = tf.TensorSpec((None, *shape), tf.float32)

        @tf.function(input_signature=[images])
        def logits(x: tf.Tensor) -> tf.Tensor:
            return model(x, training=False)

        @tf.function(input_signature=[images, tf.TensorSpec((None, classes), tf.float32)])
        def gradient(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                tape.watch(x)
                total = loss(y, model(x, training=False))
            return tape.gradient(total, x)

        self._logits, self._gradient = logits, gradient

    def predict(
        self,
        x: NDArray[np.float32],
        batch_size: int = BATCH,
        training_mode: bool = False,  # noqa: FBT001, FBT002 (ART's signature)
        **_: Any,  # noqa: ANN401
    ) -> NDArray[np.float32]:
        """Return the logits (n, classes), float32, of images (n, height, width, channels) in [0, 1]."""
        _refuse_training(training_mode=training_mode)
        parts = [self._logits(x[start : start + batch_size]).numpy() for start in range(0, len(x), batch_size)]
        return np.concatenate(parts)

    def loss_gradient(
        self,
        x: NDArray[np.float32],
        y: NDArray[np.float32],
        training_mode: bool = False,  # noqa: FBT001, FBT002 (ART's signature)
        **_: Any,  # noqa: ANN401
    ) -> NDArray[np.float32]:
        """Return the gradient of the summed loss by `x`, of the same shape; `y` is one-hot (n, classes)."""
        _refuse_training(training_mode=training_mode)
        gradient: NDArray[np.float32] = self._gradient(x, y.astype(np.float32)).numpy()
        return gradient


def _refuse_training(*, training_mode: bool) -> None:
    if training_mode:
        raise NotImplementedError("attacks query the model as it predicts, without dropout; got training_mode=True")
