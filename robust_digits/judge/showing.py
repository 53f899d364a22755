"""Show a model the test images: as they are, under FGM from the baseline and from itself, and by every attack."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robust_digits.arrays import perturbation, scratch
from robust_digits.attack import fgm
from robust_digits.attack.classifier import Classifier
from robust_digits.attack.suite import STANDING, Found, Suite
from robust_digits.attack.table import ATTACKS
from robust_digits.data.images import ImageSet
from robust_digits.judge.evidence import Made
from robust_digits.judge.views import FGM_TRANSFER, FGM_WHITE_BOX, after, label, transferred
from robust_digits.params import Section

Images = NDArray[np.float32]
_log = logging.getLogger(__name__)  # silent but for a command that shows it
_PICTURES = 10  # images, each of a class, that are kept to be shown
_WHITE = 255
_DECIMALS = 4  # of a size that was measured


@dataclass(frozen=True)
class View:
    """What a model answered in one view: the predicted class of each image, and what is shown of a few.

    `predictions` is int64 (m,), the first m test images; `images` and `logits` are of the rows that pictures show,
    (k, height, width, channels) and (k, classes), or None where the view lacks one of them.
    """

    predictions: NDArray[np.int64]
    images: Images | None
    logits: Images | None
    made: Made


@dataclass(frozen=True)
class Views:
    """The views that some attacks made, by name, and the indicators measured on the way."""

    seen: Mapping[str, View]
    indicators: Mapping[str, float]


@dataclass(frozen=True)
class Transferred:
    """What an attack with these settings made of the first test images, or of all, against the baseline."""

    images: ImageSet
    settings: Section


@dataclass(frozen=True)
class Attacked(Views):
    """The views of a suite, and in `worst` all test images, each under the first attack that broke it.

    An image that stands is there under the last attack that saw it: uint8 (n, height, width, channels).
    """

    worst: NDArray[np.uint8]


def clean(classifier: Classifier, test: ImageSet) -> View:
    """Show the model the test images as they are."""
    return _see(classifier, test, test.images, Made())


def fast_gradient(classifier: Classifier, test: ImageSet, transfer: ImageSet, *, norm: str | int, eps: float) -> Views:
    """Show the model the transfer set, the tutorial's number, and the same attack crafted against this very model."""
    batches = fgm.craft(classifier, test, norm=norm, eps=eps, what=FGM_WHITE_BOX)
    own = scratch.joined((batch.images for batch in batches), test.images.shape, np.float32)
    made = Made(norm, eps)
    seen = {
        FGM_TRANSFER: _see(classifier, test, transfer.images, made),
        FGM_WHITE_BOX: _see(classifier, test, own, made),
    }
    largest = perturbation.apart(test.images, transfer.images, norm=norm).max()
    return Views(seen, {"transfer_eps": eps, "transfer_size": float(largest)})


def further(
    classifier: Classifier, test: ImageSet, sets: Mapping[str, Transferred], *, norm: str | int, eps: float
) -> dict[str, View]:
    """Show the model the sets of other attacks than FGM, by their names; each view says how large perturbations are.

    That is `eps` in `norm` for an attack with a bound, and else the largest that there is.

    Raises
    ------
    ValueError
        If an attack with a bound has not kept to it.
    """
    seen = {}
    for name, crafted in sets.items():
        few, images = test[: len(crafted.images)], crafted.images.images
        largest = float(perturbation.apart(few.images, images, norm=norm).max())
        bound = eps if ATTACKS[name].bounded else largest
        perturbation.check(few.images, images, norm=norm, eps=bound)
        made = Made(norm, round(bound, _DECIMALS), crafted.settings.model_dump())
        seen[transferred(name)] = _see(classifier, test, images, made)
    return seen


def under_attack(
    suite: Suite,
    test: ImageSet,
    transfer: ImageSet,
    attacks: Mapping[str, Section],
    *,
    proven: NDArray[np.bool_] | None = None,
) -> Attacked:
    """Run the attacks, each on all test images or on the first `samples` of its settings.

    `proven` (n,) are the test images that no attack can break, none if None.
    """
    proven = np.zeros(len(test), np.bool_) if proven is None else proven
    right = suite.model.predict(test.images).argmax(axis=1) == test.labels
    seen: dict[str, View] = {}
    largest, beyond, idle = [], [], 0
    standing: dict[str, float] = {}
    worst, stands = pictured(test.images), np.ones(len(test), bool)
    for name, settings in attacks.items():
        few = test[: getattr(settings, "samples", len(test))]
        _log.info("%s: %d images", label(name, suite.eps), len(few))
        found = suite.attack(name, settings, few, np.asarray(transfer.images[: len(few)]), proven=proven[: len(few)])
        for rows in scratch.chunks(few.images):
            still = np.flatnonzero(stands[rows])
            worst[rows][still] = pictured(found.images[rows][still])
        seen[name] = _see(suite.model, test, found.images, Made(suite.norm, suite.eps, settings.model_dump()))
        stands[: len(few)] &= seen[name].predictions == few.labels
        standing |= _after_each_member(name, found, right[: len(few)])
        sizes = perturbation.apart(few.images, found.images, norm=suite.norm)
        largest.append(sizes.max())
        beyond += [-found.images.min(), found.images.max() - 1]
        idle += int(ATTACKS[name].bounded and not sizes.any() and right[: len(few)].any())
    measured = {  # np.max, because a NaN is not to be lost
        "largest_perturbation": float(np.max(largest)),
        "beyond_range": max(float(np.max(beyond)), 0.0),
        "idle_attacks": float(idle),
        **standing,
    }
    return Attacked(seen, measured, worst)


def pictured(images: Images) -> NDArray[np.uint8]:
    """Return images in [0, 1] as whole numbers up to 255: enough to look at."""
    found = scratch.empty(images.shape, np.uint8)
    for rows in scratch.chunks(images):
        found[rows] = np.round(images[rows] * _WHITE).astype(np.uint8)
    return found


def shown(test: ImageSet) -> NDArray[np.int64]:
    """Return the rows that pictures show: the first image of each class, of as many classes as fit into one."""
    return np.unique(test.labels, return_index=True)[1][:_PICTURES]


def _see(classifier: Classifier, test: ImageSet, images: Images, made: Made) -> View:
    """Return what the model answers when it is shown `images`, made of the first test images."""
    logits = classifier.predict(images)
    rows = shown(test)
    whole = len(images) > rows.max()
    return View(
        predictions=logits.argmax(axis=1),
        images=np.array(images[rows]) if whole else None,
        logits=logits[rows] if whole else None,
        made=made,
    )


def _after_each_member(name: str, found: Found, right: NDArray[np.bool_]) -> dict[str, float]:
    """Return the accuracy that each member of an ensemble, and those before it, leave of images that were `right`."""
    return {
        after(name, member): float(np.mean(right & ((found.by == STANDING) | (found.by > number))))
        for number, member in enumerate(ATTACKS[name].members)
    }
