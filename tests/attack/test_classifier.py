"""The wrapper answers as ART's own class does, faster, and whatever the batch."""

import numpy as np
import pytest
from numpy.typing import NDArray

from robust_digits.attack.classifier import Classifier, TensorFlowV2Classifier
from robust_digits.learn import networks
from robust_digits.runtime import keras, tf

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
    rows: NDArray[np.float32] = np.eye(5, dtype=np.float32)[np.arange(count) % 5]
    return rows


def test_predictions_are_the_models_logits(model: keras.Model) -> None:
    """`predict` gives the model's logits without dropout, in batches of any size."""
    x = images(7)
    expected = model(x, training=False).numpy()
    np.testing.assert_allclose(Classifier(model).predict(x), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(Classifier(model).predict(x, batch_size=3), expected, rtol=1e-5, atol=1e-6)


def test_gradient_is_arts_own(model: keras.Model) -> None:
    """The compiled gradient, of padded images, is what ART computes step by step."""
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, reduction="sum")
    plain = TensorFlowV2Classifier(model, nb_classes=5, input_shape=(12, 12, 1), loss_object=loss, clip_values=(0, 1))
    x, y = images(9), one_hot(9)
    found, expected = Classifier(model).loss_gradient(x, y), plain.loss_gradient(x, y)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_answers_do_not_depend_on_the_company(model: keras.Model) -> None:
    """An image has the same logits and the same gradient, up to the last bits, alone and among any others."""
    classifier, x, y = Classifier(model), images(300), one_hot(300)
    for rows in ([7], [299, 7], range(5, 290)):
        few = list(rows)
        np.testing.assert_allclose(classifier.predict(x[few]), classifier.predict(x)[few], rtol=1e-5, atol=1e-6)
        gradients = classifier.loss_gradient(x, y)[few]
        np.testing.assert_allclose(classifier.loss_gradient(x[few], y[few]), gradients, rtol=1e-4, atol=1e-7)


def test_answers_one_by_one_are_those_of_many(model: keras.Model) -> None:
    """A classifier that is asked about one row at a time gives each image the same logits and gradients."""
    one_by_one, x, y = Classifier(model, rows=1), images(3), one_hot(3)
    many = Classifier(model)
    np.testing.assert_allclose(one_by_one.predict(x), many.predict(x), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(one_by_one.loss_gradient(x, y), many.loss_gradient(x, y), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(one_by_one.class_gradient(x), many.class_gradient(x), rtol=1e-4, atol=1e-6)


def test_tensors_in_tensors_out(model: keras.Model) -> None:
    """A gradient asked for with tensors is a tensor of the same values as with arrays, which give an array."""
    classifier, x, y = Classifier(model), images(4), one_hot(4)
    expected = classifier.loss_gradient(x, y)
    found = classifier.loss_gradient(tf.constant(x), tf.constant(y))
    assert isinstance(expected, np.ndarray)
    assert tf.is_tensor(found)
    np.testing.assert_array_equal(found.numpy(), expected)


LABELS: list[int | list[int] | NDArray[np.int64] | None] = [None, 3, [4, 0, 0, 2, 3, 1], np.array([4, 0, 0, 2, 3, 1])]


@pytest.mark.parametrize("label", LABELS, ids=["all", "one", "list", "array"])
def test_class_gradient_is_arts_own(model: keras.Model, label: int | list[int] | NDArray[np.int64] | None) -> None:
    """The gradients of the logits are ART's, for all classes, one class, or one class for each image."""
    plain = TensorFlowV2Classifier(model, nb_classes=5, input_shape=(12, 12, 1), clip_values=(0, 1))
    expected = plain.class_gradient(images(6), label=label)
    found = Classifier(model).class_gradient(images(6), label=label)
    assert found.dtype == np.float32
    assert found.shape == (6, 5 if label is None else 1, 12, 12, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_a_model_without_gradients_has_zeros() -> None:
    """Where a model rounds, so that TensorFlow knows no gradient, attacks are given zeros."""
    hard = keras.layers.Lambda(lambda x: tf.one_hot(tf.argmax(x, axis=1), 2))
    network = keras.Sequential([keras.layers.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2), hard])
    x = np.random.default_rng(0).random((3, 4, 4, 1), np.float32)
    truth = np.eye(2, dtype=np.float32)[[0, 1, 0]]
    np.testing.assert_array_equal(Classifier(network).loss_gradient(x, truth), np.zeros((3, 4, 4, 1)))
    np.testing.assert_array_equal(Classifier(network).class_gradient(x), np.zeros((3, 2, 4, 4, 1)))


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
    with pytest.raises(NotImplementedError, match="training_mode"):
        Classifier(model).class_gradient(images(1), training_mode=True)
