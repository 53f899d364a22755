"""The detectors by their names in params.yaml, each beside a model."""

from collections.abc import Mapping

from robust_digits.data.images import ImageSet
from robust_digits.detect import mahalanobis, squeezing
from robust_digits.detect.detector import Detector, Look
from robust_digits.detect.settings import Mahalanobis, Squeezing
from robust_digits.params import Section
from robust_digits.runtime import keras


def build(model: keras.Model, chosen: Mapping[str, Section], train: ImageSet) -> dict[str, Detector]:
    """Return each detector; one that learns is fitted on the training images."""
    shape = tuple(train.images.shape[1:])
    return {name: Detector(_look(model, settings, train), shape) for name, settings in chosen.items()}


def _look(model: keras.Model, settings: Section, train: ImageSet) -> Look:
    if isinstance(settings, Squeezing):
        return squeezing.look(model, settings)
    if isinstance(settings, Mahalanobis):
        return mahalanobis.look(model, settings, train)
    raise TypeError(f"expected the settings of a detector, got {type(settings).__name__}")
