"""Mahalanobis distance: it is that of the formula, of features of training images, to the nearest class."""

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis as distance
from support.evaluations import dense, digits

from robust_digits.data.images import ImageSet
from robust_digits.detect import mahalanobis
from robust_digits.detect.settings import Mahalanobis
from robust_digits.runtime import tf

pytestmark = pytest.mark.usefixtures("tensorflow")


def test_the_distance_is_that_of_the_formula() -> None:
    """Scores are squared distances to the nearest class, by the covariance that all classes share."""
    train = digits()
    look = mahalanobis.look(dense(), Mahalanobis(ridge=0.01), train)
    pixels = train.images.reshape(len(train), -1).astype(np.float64)  # what the one layer with weights is given
    middles = np.array([pixels[train.labels == label].mean(axis=0) for label in range(3)])
    shifts = pixels - middles[train.labels]
    covariance = shifts.T @ shifts / len(train)
    inverse = np.linalg.inv(covariance + 0.01 * np.trace(covariance) / 36 * np.eye(36))
    wanted = [min(distance(each, middle, inverse) ** 2 for middle in middles) for each in pixels[:4]]
    logits, scores = look(tf.constant(train.images[:4]))
    np.testing.assert_allclose(scores.numpy(), wanted, rtol=1e-3)
    np.testing.assert_allclose(logits.numpy(), dense()(train.images[:4]).numpy(), atol=1e-6)


def test_it_is_fitted_on_what_it_is_given() -> None:
    """Fitted on darker images it takes the same ones for attacked that are usual to it otherwise."""
    train = digits()
    darker = ImageSet(train.images * np.float32(0.5), train.labels)
    own, other = (mahalanobis.look(dense(), Mahalanobis(ridge=0.01), each) for each in (train, darker))
    images = tf.constant(train.images)
    assert other(images)[1].numpy().min() > own(images)[1].numpy().max()


def test_features_that_never_move_do_not_divide() -> None:
    """Training images that are all alike leave distances that are numbers."""
    fitted = mahalanobis.fit(np.ones((4, 3), np.float32), np.array([0, 0, 2, 2]), ridge=0.1)
    assert fitted.middles.shape == (2, 3)
    assert np.isfinite(fitted.whitening).all()
