"""Craft a set of images by one attack of the table against one model, to be trained on and to be shown to others.

Perturbations are as the attack makes them: one that looks for the smallest (DeepFool, JSMA, Carlini-Wagner, NewtonFool)
keeps to no eps, and what it needed more for is not cut back. That would be another attack, which fools nobody.
"""

from collections.abc import Iterator

import numpy as np

from robust_digits.arrays import perturbation
from robust_digits.attack import fgm
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import ATTACKS
from robust_digits.data.images import ImageSet
from robust_digits.mix.settings import FGM
from robust_digits.params import Section


def craft(suite: Suite, name: str, settings: Section, whole: ImageSet) -> Iterator[ImageSet]:
    """Yield the set under an attack, with its labels.

    The Fast Gradient Method moves every image, as the tutorial does; all others leave those as they are that the model
    gets wrong anyway.

    Raises
    ------
    ValueError
        If an attack with a bound leaves the ball of the suite, or any leaves [0, 1].
    """
    if name == FGM:
        yield from fgm.craft(suite.model, whole, norm=suite.norm, eps=suite.eps, what=name)
        return
    found = suite.perturb(name, settings, whole, np.asarray(whole.images)).images
    if ATTACKS[name].bounded:
        perturbation.check(whole.images, found, norm=suite.norm, eps=suite.eps)
    yield ImageSet(found, whole.labels)
