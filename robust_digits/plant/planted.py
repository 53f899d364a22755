"""The active test: whether the gradient attack finds adversarial examples that are certainly there.

Zimmermann, Brendel, Tramer & Carlini 2022, "Increasing Confidence in Adversarial Robustness Evaluations". One point is
planted in the ball of each of a few images, and a head on the network tells it from what lies further inside. A sound
attack on network and head finds it; one that does not would miss adversarial examples of the network itself as well.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from robust_digits.arrays import perturbation
from robust_digits.attack import losses
from robust_digits.attack.ascent import Ascent
from robust_digits.attack.suite import Suite
from robust_digits.attack.target import Target
from robust_digits.backward import Network
from robust_digits.data.images import ImageSet
from robust_digits.params import Section
from robust_digits.plant import heads
from robust_digits.plant.features import Features

FIRST = 64  # test images that are planted for
STEPS = 50  # at most: twice as many find no more


def planted(suite: Suite, few: ImageSet, *, attacks: Mapping[str, Section], seed: int) -> dict[str, float]:
    """Plant for the first images, and attack with AutoPGD, which takes STEPS, or fewer if all of the suite's do.

    `planted_missed` is the share of what is planted and not found, also not by the adaptive attack if the suite has it;
    `planted_void` the share of images for which nothing can be planted that noise does not find. Of a suite whose
    attacks take no steps there is nothing to test.
    """
    steps = min(max((getattr(settings, "steps", 0) for settings in attacks.values()), default=0), STEPS)
    if not steps:
        return {}
    features, whole = Features(suite.victim.model), _target(suite, few[:FIRST], seed=seed)
    on, there = heads.plant(whole, features)
    hidden = missed = whole.only(np.flatnonzero(there))
    for again, adaptive in enumerate([False, True] if "adaptive" in attacks else [False]):
        if len(missed.images):
            found = _attacked(missed, on.behind(features.network(adaptive=adaptive)), again=again, steps=steps)
            seen = on.see(features.of(found, indices=missed.indices), rows=missed.indices)
            missed = missed.only(np.flatnonzero(~seen))
    return {
        "planted_missed": len(missed.images) / len(hidden.images) if len(hidden.images) else np.nan,
        "planted_void": 1 - len(hidden.images) / len(whole.images),
    }


def _target(suite: Suite, few: ImageSet, *, seed: int) -> Target:
    """Return the images as heads see them: of class 0, which is not planted."""
    images, rows = np.array(few.images), np.arange(len(few))
    return Target(images, np.zeros_like(rows), images, rows, suite.victim, seed, "planted")


def _attacked(target: Target, network: Network, *, again: int, steps: int) -> NDArray[np.float32]:
    """Return where AutoPGD on network and heads leads from a random start; further away than eps is an error."""
    ascent = Ascent(target.victim.model, losses.margin, norm=target.victim.norm, slope=network)
    found = target.climb(ascent, start=target.starts(again), steps=steps)
    perturbation.check(target.images, found, norm=target.victim.norm, eps=target.eps)
    return found
