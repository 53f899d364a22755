"""The losses are what their papers define, and keep their gradients where they should."""

import numpy as np
import pytest
from numpy.typing import NDArray
from support.linear import case, gradient

from robust_digits.attack import losses
from robust_digits.runtime import tf

pytestmark = pytest.mark.usefixtures("tensorflow")

Logits = NDArray[np.float32]


def drawn(classes: int) -> tuple[Logits, NDArray[np.int64], NDArray[np.int64]]:
    """Return logits of either sign, labels, and targets that are other classes."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, 200)
    targets = (labels + generator.integers(1, classes, 200)) % classes
    return generator.normal(-3, 5, (200, classes)).astype(np.float32), labels, targets


def test_losses_on_a_linear_model() -> None:
    """The margin of a right label is -|f|, of a wrong one |f|; their cross-entropies are log(1 + exp(margin))."""
    network, few, scores = case()
    logits = network(few.images)
    for labels, expected in ((few.labels, -np.abs(scores)), (1 - few.labels, np.abs(scores))):
        np.testing.assert_allclose(losses.margin(logits, labels, labels).numpy(), expected, atol=1e-5)
        entropy = losses.cross_entropy(logits, tf.constant(labels), labels).numpy()
        np.testing.assert_allclose(entropy, np.log1p(np.exp(expected)), atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3, 4, 10])
def test_margin_is_the_best_wrong_class_less_the_true_one(classes: int) -> None:
    """Among many classes, with logits of either sign, the margin is the best other logit less the true one."""
    logits, labels, targets = drawn(classes)
    expected = [max(np.delete(row, label)) - row[label] for row, label in zip(logits, labels, strict=True)]
    np.testing.assert_allclose(losses.margin(logits, labels, targets).numpy(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("classes", [3, 4, 10])
def test_the_ratio_is_the_margin_over_the_spread(classes: int) -> None:
    """DLR: -(z_y - max of the others) / (z_1 - z_3), sorted down; it is in [-1, 1], and above 0 if fooled."""
    logits, labels, targets = drawn(classes)
    expected = [
        (max(np.delete(row, label)) - row[label]) / (np.sort(row)[-1] - np.sort(row)[-3])
        for row, label in zip(logits, labels, strict=True)
    ]
    found = losses.logits_ratio(tf.constant(logits), labels, targets).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_array_equal(found > 0, logits.argmax(axis=1) != labels)


@pytest.mark.parametrize("classes", [4, 10])
def test_the_targeted_ratio_is_that_of_the_paper(classes: int) -> None:
    """Targeted DLR: -(z_y - z_t) / (z_1 - (z_3 + z_4) / 2), sorted down."""
    logits, labels, targets = drawn(classes)
    expected = [
        (row[target] - row[label]) / (np.sort(row)[-1] - (np.sort(row)[-3] + np.sort(row)[-4]) / 2)
        for row, label, target in zip(logits, labels, targets, strict=True)
    ]
    found = losses.targeted_logits_ratio(tf.constant(logits), labels, targets).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_of_few_classes_the_ratios_are_differences() -> None:
    """Two classes have no third logit and three no fourth, so that there is nothing to divide by."""
    logits, labels, targets = drawn(2)
    margin = losses.margin(logits, labels, targets).numpy()
    np.testing.assert_array_equal(losses.logits_ratio(tf.constant(logits), labels, targets).numpy(), margin)
    logits, labels, targets = drawn(3)
    rows = np.arange(200)
    expected = logits[rows, targets] - logits[rows, labels]
    np.testing.assert_array_equal(losses.targeted_logits_ratio(tf.constant(logits), labels, targets).numpy(), expected)


@pytest.mark.parametrize("loss", [losses.logits_ratio, losses.targeted_logits_ratio])
def test_the_ratios_do_not_know_the_scale(loss: losses.Loss) -> None:
    """Logits a million times as large, which starve the cross-entropy of gradients, have the same ratios."""
    logits, labels, targets = drawn(10)
    small, large = (loss(tf.constant(logits * scale), labels, targets).numpy() for scale in (1, 1e6))
    np.testing.assert_allclose(small, large, rtol=1e-4)


def test_margin_keeps_its_gradient_where_the_model_is_certain() -> None:
    """On a linear model so steep that the cross-entropy is flat, the margin still gives the weights, up to sign."""
    steep = gradient() * 1e6
    x = tf.constant(np.where(steep > 0, 0.7, 0.3).astype(np.float32))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        score = tf.reduce_sum(x * steep) - tf.reduce_sum(steep) / 2
        logits = tf.stack([-score / 2, score / 2])[None]
        labels = tf.constant([1], tf.int64)
        entropy, margin = (loss(logits, labels, labels) for loss in (losses.cross_entropy, losses.margin))
    assert not tape.gradient(entropy, x).numpy().any()
    np.testing.assert_allclose(tape.gradient(margin, x), -steep, rtol=1e-6)
