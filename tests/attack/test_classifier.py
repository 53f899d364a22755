"""The wrapper answers as ART's own class does, faster, and whatever the batch."""

import numpy as np
import pytest
from numpy.typing import NDArray
from support.linear import case, gradient
from support.linear import model as linear_model

from robust_digits.attack.classifier import Classifier, TensorFlowV2Classifier, cross_entropy, margin
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


def test_losses_on_a_linear_model() -> None:
    """The margin of a right label is -|f|, of a wrong one |f|; their cross-entropies are log(1 + exp(margin))."""
    network, few, scores = case()
    logits = network(few.images)
    for labels, expected in ((few.labels, -np.abs(scores)), (1 - few.labels, np.abs(scores))):
        truth = np.eye(2, dtype=np.float32)[labels]
        np.testing.assert_allclose(margin(truth, logits).numpy(), expected, atol=1e-5)
        np.testing.assert_allclose(cross_entropy(truth, logits).numpy(), np.log1p(np.exp(expected)), atol=1e-5)


def test_margin_is_the_best_wrong_class_less_the_true_one() -> None:
    """Among many classes, with logits of either sign, the margin is the best other logit less the true one."""
    generator = np.random.default_rng(0)
    logits = generator.normal(-3, 5, (200, 5)).astype(np.float32)
    labels = generator.integers(0, 5, 200)
    expected = [max(np.delete(row, label)) - row[label] for row, label in zip(logits, labels, strict=True)]
    found = margin(np.eye(5, dtype=np.float32)[labels], tf.constant(logits)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_margin_keeps_its_gradient_where_the_model_is_certain() -> None:
    """On a linear model so steep that the cross-entropy is flat, the margin still gives the weights, up to sign."""
    steep = gradient() * 1e6
    network = linear_model(steep, -float(steep.sum() / 2))
    x = np.where(steep > 0, 0.7, 0.3).astype(np.float32).reshape(1, 4, 4, 1)
    truth = np.array([[0, 1]], np.float32)
    assert not Classifier(network).loss_gradient(x, truth).any()
    np.testing.assert_array_equal(Classifier(network, loss=margin).loss_gradient(x, truth).ravel(), -steep)


def test_a_model_without_gradients_has_zeros() -> None:
    """Where a model rounds, so that TensorFlow knows no gradient, attacks are given zeros."""
    hard = keras.layers.Lambda(lambda x: tf.one_hot(tf.argmax(x, axis=1), 2))
    network = keras.Sequential([keras.layers.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2), hard])
    x = np.random.default_rng(0).random((3, 4, 4, 1), np.float32)
    truth = np.eye(2, dtype=np.float32)[[0, 1, 0]]
    for classifier in (Classifier(network), Classifier(network, loss=margin)):
        np.testing.assert_array_equal(classifier.loss_gradient(x, truth), np.zeros((3, 4, 4, 1)))
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
