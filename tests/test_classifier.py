"""The wrapper answers as ART's own class does, faster, and whatever the batch."""

import numpy as np
import pytest
from numpy.typing import NDArray

from robust_digits.attack.classifier import Classifier, TensorFlowV2Classifier
from robust_digits.learn import networks
from robust_digits.runtime import keras

pytestmark = pytest.mark.usefixtures("tensorflow")


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Return a network with dropout, which must be off in attacks."""
    keras.utils.set_random_seed(0)
    return networks.build("one_convolution", shape=(12, 12, 1), classes=5)


def images(count: int) -> NDArray[np.float32]:
    """Return random images in [0, 1]."""
    return np.random.default_rng(0).random((count, 12, 12, 1), np.float32)


def one_hot(count: int) -> NDArray[np.float32]:
    """Return labels 0...4 in turn as rows of an identity matrix."""
    return np.eye(5, dtype=np.float32)[np.arange(count) % 5]


def test_predictions_are_the_models_logits(model: keras.Model) -> None:
    """`predict` gives the model's logits without dropout, in batches of any size."""
    x = images(7)
    expected = model(x, training=False).numpy()
    np.testing.assert_array_equal(Classifier(model).predict(x), expected)
    np.testing.assert_allclose(Classifier(model).predict(x, batch_size=3), expected, rtol=1e-5, atol=1e-6)


def test_gradient_is_arts_own(model: keras.Model) -> None:
    """The compiled gradient is, byte for byte, what ART computes step by step."""
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, reduction="sum")
    plain = TensorFlowV2Classifier(model, nb_classes=5, input_shape=(12, 12, 1), loss_object=loss, clip_values=(0, 1))
    x, y = images(9), one_hot(9)
    np.testing.assert_array_equal(Classifier(model).loss_gradient(x, y), plain.loss_gradient(x, y))


def test_gradient_does_not_depend_on_the_batch(model: keras.Model) -> None:
    """An image has the same gradient alone and among others: the loss is a sum, not a mean."""
    classifier, x, y = Classifier(model), images(8), one_hot(8)
    alone = np.concatenate([classifier.loss_gradient(x[i : i + 1], y[i : i + 1]) for i in range(8)])
    np.testing.assert_allclose(classifier.loss_gradient(x, y), alone, rtol=1e-4, atol=1e-7)


def test_shapes_come_from_the_model(model: keras.Model) -> None:
    """Classes, image shape and the range of pixels are known to ART."""
    classifier = Classifier(model)
    assert (classifier.nb_classes, classifier.input_shape) == (5, (12, 12, 1))
    np.testing.assert_array_equal(classifier.clip_values, (0, 1))


def test_training_mode_is_refused(model: keras.Model) -> None:
    """Attacking a model with dropout on is refused, not silently ignored."""
    with pytest.raises(NotImplementedError, match="training_mode"):
        Classifier(model).predict(images(1), training_mode=True)
    with pytest.raises(NotImplementedError, match="training_mode"):
        Classifier(model).loss_gradient(images(1), one_hot(1), training_mode=True)
