"""Mahalanobis distance on the features that the last layer of a network is given.

Lee et al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks".
The training images of a class are taken for one Gaussian in the space of features, with a covariance that all classes
share. The score is the squared distance to the nearest class.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack import gentle
from robust_digits.data.images import ImageSet
from robust_digits.detect.detector import Look
from robust_digits.detect.settings import Mahalanobis
from robust_digits.plant.features import Features
from robust_digits.runtime import keras, tf


@dataclass(frozen=True)
class Gaussians:
    """Classes in the space of features, whitened: there the distance is the plain one.

    `middles` is float32 (classes, whitened), `whitening` (features, whitened).
    """

    middles: NDArray[np.float32]
    whitening: NDArray[np.float32]


def look(model: keras.Model, settings: Mahalanobis, train: ImageSet) -> Look:
    """Return how the detector, fitted on training images, sees others: the model's logits, scores with a gradient."""
    features = Features(model)
    fitted = fit(features.of(np.asarray(train.images)), np.asarray(train.labels), ridge=settings.ridge)
    network, seen_by = gentle.network(model), features.network(adaptive=True)
    whitening, middles = tf.constant(fitted.whitening), tf.constant(fitted.middles)

    def seen(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        shift = (seen_by(images) @ whitening)[:, tf.newaxis] - middles
        return network(images), tf.reduce_min(tf.reduce_sum(shift * shift, axis=2), axis=1)

    return seen


def fit(features: NDArray[np.float32], labels: NDArray[np.int64], *, ridge: float) -> Gaussians:
    """Return the Gaussians of features (n, features) with labels (n,); classes without an image have none.

    `ridge`, a share of the mean variance, is added to every variance, so that those which are 0 do not divide.
    """
    points = features.astype(np.float64)
    middles = np.array([points[labels == label].mean(axis=0) for label in np.unique(labels)])
    shifts = points - middles[np.unique(labels, return_inverse=True)[1]]
    covariance = shifts.T @ shifts / len(points)
    covariance += (ridge * np.trace(covariance) / len(covariance) or 1.0) * np.eye(len(covariance))
    whitening = np.linalg.inv(np.linalg.cholesky(covariance)).T
    return Gaussians((middles @ whitening).astype(np.float32), whitening.astype(np.float32))
