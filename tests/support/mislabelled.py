"""A linear model whose images lie all at one distance, the first two wrongly labelled: closed forms for evaluations."""

import numpy as np

from robust_digits.attack import fgm
from robust_digits.attack.suite import Suite
from robust_digits.data.images import ImageSet
from robust_digits.params import Norm
from support.linear import level

EPS, COUNT = 0.02, 12
DISTANCE = 0.01  # of each image from the boundary, in L-infinity


def attacks_on(seed: int = 0, *, eps: float = EPS) -> Suite:
    """Return the attacks on the linear model."""
    return Suite(level(DISTANCE, seed=seed)[0], eps=eps, seed=0)


def mislabelled() -> ImageSet:
    """Return test images of two classes, the first two wrongly labelled: the model is not perfect."""
    whole = level(DISTANCE, count=COUNT)[1]
    labels = whole.labels.copy()
    labels[:2] = 1 - labels[:2]
    return ImageSet(whole.images, labels)


def crafted(suite: Suite, test: ImageSet, *, norm: Norm = "inf", eps: float = EPS) -> ImageSet:
    """Return the adversarial set that the stage `craft` makes against a model."""
    parts = fgm.craft(suite.model, test, norm=norm, eps=eps, what="testing")
    return ImageSet(np.concatenate([part.images for part in parts]), test.labels)
