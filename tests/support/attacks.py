"""Linear models for attacks, and which images they get wrong."""

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack.suite import Suite
from robust_digits.attack.target import Images
from robust_digits.data.images import ImageSet

Wrong = NDArray[np.bool_]


EPS = 0.3


MISTAKE = 3  # the one of the six images that the network gets wrong


def mistakes(attacks: Suite, images: Images, whole: ImageSet) -> Wrong:
    """Return which images the model gets wrong."""
    wrong: Wrong = attacks.model.predict(images).argmax(axis=1) != whole.labels
    return wrong
