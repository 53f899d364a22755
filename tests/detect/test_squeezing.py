"""Feature squeezing: the squeezers are those of the paper, and whoever attacks gets a gradient through them."""

import numpy as np
import pytest
from scipy.ndimage import median_filter
from support.evaluations import dense, digits

from robust_digits.detect import squeezing
from robust_digits.detect.settings import Squeezing
from robust_digits.runtime import tf

pytestmark = pytest.mark.usefixtures("tensorflow")

IMAGES = np.random.default_rng(0).random((3, 7, 6, 2)).astype(np.float32)


@pytest.mark.parametrize("side", [2, 3])
def test_the_median_is_that_of_scipy(side: int) -> None:
    """Of windows with and without a middle, at the edge too, each channel by itself."""
    wanted = median_filter(IMAGES, size=(1, side, side, 1), mode="reflect")
    np.testing.assert_array_equal(squeezing.median(side)(tf.constant(IMAGES)).numpy(), wanted)


def test_the_gradient_of_the_median_goes_to_the_median() -> None:
    """A step along it moves the filtered image by as much as it says: the filter is flat in all other pixels."""
    images = tf.constant(IMAGES)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(squeezing.median(3)(images))
    gradient = tape.gradient(total, images).numpy()
    assert gradient.sum() == IMAGES.size  # every output hands all of it on
    moved = squeezing.median(3)(images + 1e-4 * gradient).numpy().sum() - total.numpy()
    assert moved == pytest.approx(1e-4 * (gradient**2).sum(), rel=0.2)


def test_fewer_bits_keep_the_gradient() -> None:
    """A pixel becomes the nearest level, and its gradient passes as if it had not."""
    pixels = tf.reshape(tf.constant([0.0, 0.1, 0.2, 0.5, 0.9]), (1, 5, 1, 1))
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        squeezed = squeezing.fewer_bits(2)(pixels)
    np.testing.assert_allclose(squeezed.numpy().ravel(), [0, 0, 1 / 3, 2 / 3, 1], atol=1e-6)
    np.testing.assert_array_equal(tape.gradient(squeezed, pixels).numpy(), np.ones((1, 5, 1, 1)))


def test_a_score_that_is_flat_has_a_gradient_all_the_same() -> None:
    """Where the model is certain of one class, and squeezed of another, a step down makes it less so."""
    image = np.zeros((1, 6, 6, 1), np.float32)
    image[0, 0, 1:], image[0, 1, 1:], image[0, 2:4, 1:] = 0.9, 0.2, 0.52  # class 0 by its mean, 1 by its bits
    look = squeezing.look(dense(gain=4000), Squeezing(bits=1, median=2))
    images = tf.constant(image)
    with tf.GradientTape() as tape:
        tape.watch(images)
        _, score = look(images)
    assert score.numpy() == 2
    assert np.abs(tape.gradient(score, images).numpy()).max() > 1


def test_the_score_is_how_far_the_answer_moves() -> None:
    """An image that squeezers leave alone scores 0, others the larger of both moves; logits are the model's own."""
    model, settings = dense(), Squeezing(bits=1, median=2)
    black, some = np.zeros((1, 6, 6, 1), np.float32), digits().images[:5]
    look = squeezing.look(model, settings)
    assert look(tf.constant(black))[1].numpy() == 0
    logits, scores = look(tf.constant(some))
    whole = tf.nn.softmax(model(some)).numpy()
    squeezed = [each(tf.constant(some)) for each in (squeezing.fewer_bits(1), squeezing.median(2))]
    moves = [np.abs(whole - tf.nn.softmax(model(each)).numpy()).sum(axis=1) for each in squeezed]
    np.testing.assert_allclose(scores.numpy(), np.max(moves, axis=0), atol=1e-6)
    np.testing.assert_allclose(logits.numpy(), model(some).numpy(), atol=1e-6)
