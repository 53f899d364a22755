"""Try detectors beside their model: on clean images, under attacks that do not know them, and under one that does."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from robust_digits.attack.suite import Suite
from robust_digits.attack.target import Images, Target
from robust_digits.data.images import ImageSet
from robust_digits.detect.detector import Detector
from robust_digits.detect.evasion import Evasion
from robust_digits.detect.scores import EVASION, VALIDATION, Seen
from robust_digits.detect.settings import Evading
from robust_digits.judge.views import CLEAN, FGM_TRANSFER
from robust_digits.params import Section

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shown:
    """What detectors are shown: validation images, and test images clean and crafted against the baseline."""

    validation: ImageSet
    test: ImageSet
    transfer: ImageSet


def run(
    suite: Suite,
    detectors: Mapping[str, Detector],
    shown: Shown,
    *,
    attacks: Mapping[str, Section],
    evading: Evading,
    seed: int,
) -> dict[str, dict[str, Seen]]:
    """Return what each detector and its model say in every view; an image that an attack does not see stays clean."""
    test, labels = np.array(shown.test.images), np.asarray(shown.test.labels)
    images = {CLEAN: test, FGM_TRANSFER: np.array(shown.transfer.images)}
    for name, settings in attacks.items():
        few = shown.test[: getattr(settings, "samples", len(labels))]
        images[name] = test.copy()
        images[name][: len(few)] = suite.attack(name, settings, few, images[FGM_TRANSFER][: len(few)]).images
    target = Target(test, labels, images[FGM_TRANSFER], np.arange(len(labels)), suite.victim, seed, EVASION)
    found = {}
    for name, detector in detectors.items():
        validation = _seen(detector, np.array(shown.validation.images), shown.validation)
        views = {view: _seen(detector, each, shown.test) for view, each in images.items()}
        start = _lowest({attack: images[attack] for attack in attacks}, views, clean=test)
        evaded = Evasion(detector).attack(target, evading, starts=[start])
        found[name] = {VALIDATION: validation, **views, EVASION: _seen(detector, evaded, shown.test)}
    return found


def _lowest(attacked: Mapping[str, Images], views: Mapping[str, Seen], *, clean: Images) -> Images:
    """Return of each image what one of the attacks made of it that is wrong with the lowest score; clean if none is."""
    start, lowest = clean.copy(), np.full(len(clean), np.inf)
    for name, images in attacked.items():
        scores = np.where(views[name].right, np.inf, views[name].scores)
        better = scores < lowest
        start[better], lowest[better] = images[better], scores[better]
    return start


def _seen(detector: Detector, images: Images, true: ImageSet) -> Seen:
    predicted, scores = detector.see(images)
    return Seen(np.asarray(true.labels), predicted, scores)
