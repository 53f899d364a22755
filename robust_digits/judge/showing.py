"""Show a model the test images: as they are, under FGM from the baseline and from itself, and by every attack."""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robust_digits import perturbation
from robust_digits.attack import fgm
from robust_digits.attack.blocks import ROWS
from robust_digits.attack.classifier import Classifier
from robust_digits.attack.suite import STANDING, Suite
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
_STRETCH = 2**26  # bytes of images that are looked at together


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
    return _see(classifier, test, _parts(test.images), Made())


def fast_gradient(classifier: Classifier, test: ImageSet, transfer: ImageSet, *, norm: str | int, eps: float) -> Views:
    """Show the model the transfer set, the tutorial's number, and the same attack crafted against this very model."""
    own = fgm.craft(classifier, test, norm=norm, eps=eps, what=FGM_WHITE_BOX)
    made = Made(norm, eps)
    seen = {
        FGM_TRANSFER: _see(classifier, test, _parts(transfer.images), made),
        FGM_WHITE_BOX: _see(classifier, test, (batch.images for batch in own), made),
    }
    return Views(seen, {"transfer_eps": eps, "transfer_size": _largest(test, transfer, norm=norm)})


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
        images = crafted.images.images
        bound = eps if ATTACKS[name].bounded else _largest(test, crafted.images, norm=norm)
        for rows in _stretches(images):
            perturbation.check(test.images[rows], images[rows], norm=norm, eps=bound)
        made = Made(norm, round(bound, _DECIMALS), crafted.settings.model_dump())
        seen[transferred(name)] = _see(classifier, test, _parts(images), made)
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
    attacking = _Attacking(suite, test, transfer, np.zeros(len(test), np.bool_) if proven is None else proven)
    seen = {name: attacking.view(name, settings) for name, settings in attacks.items()}
    return Attacked(seen, attacking.measured(), attacking.worst)


class _Attacking:
    """The attacks of a suite, one after another, and what was measured on the way."""

    def __init__(self, suite: Suite, test: ImageSet, transfer: ImageSet, proven: NDArray[np.bool_]) -> None:
        self._suite, self._test, self._transfer, self._proven = suite, test, transfer, proven
        self._right = suite.model.predict(test.images).argmax(axis=1) == test.labels
        self._stands = np.ones(len(test), bool)
        self._largest: list[float] = []
        self._beyond: list[float] = []
        self._idle = 0
        self._after: dict[str, float] = {}
        self.worst = pictured(test.images)

    def view(self, name: str, settings: Section) -> View:
        """Run one attack, and return what the model answers to what it made."""
        few = self._test[: getattr(settings, "samples", len(self._test))]
        _log.info("%s: %d images", label(name, self._suite.eps), len(few))
        by, sizes = np.empty(len(few), np.int64), np.empty(len(few))
        made = Made(self._suite.norm, self._suite.eps, settings.model_dump())
        found = _see(self._suite.model, self._test, self._made(name, settings, few, by, sizes), made)
        self._stands[: len(few)] &= found.predictions == few.labels
        right = self._right[: len(few)]
        self._after |= {  # the accuracy that each member of an ensemble, and those before it, leave
            after(name, member): float(np.mean(right & ((by == STANDING) | (by > number))))
            for number, member in enumerate(ATTACKS[name].members)
        }
        self._largest.append(sizes.max())
        self._idle += int(ATTACKS[name].bounded and not sizes.any() and right.any())
        return found

    def measured(self) -> dict[str, float]:
        """Return the indicators of all attacks that were run."""
        return {  # np.max, because a NaN is not to be lost
            "largest_perturbation": float(np.max(self._largest)),
            "beyond_range": max(float(np.max(self._beyond)), 0.0),
            "idle_attacks": float(self._idle),
            **self._after,
        }

    def _made(
        self, name: str, settings: Section, few: ImageSet, by: NDArray[np.int64], sizes: NDArray[np.float64]
    ) -> Iterator[Images]:
        """Yield what an attack makes of images, in order; note by whom each was broken, and how large it became."""
        for rows in _stretches(few.images):
            found = self._suite.attack(
                name,
                settings,
                few[rows],
                np.asarray(self._transfer.images[rows]),
                indices=np.arange(rows.start, rows.stop),
                proven=self._proven[rows],
            )
            by[rows] = found.by
            sizes[rows] = perturbation.sizes(found.images - few.images[rows], norm=self._suite.norm)
            self._beyond += [-found.images.min(), found.images.max() - 1]
            still = np.flatnonzero(self._stands[rows])
            self.worst[rows][still] = pictured(found.images[still])
            yield found.images


def pictured(images: Images) -> NDArray[np.uint8]:
    """Return images in [0, 1] as whole numbers up to 255: enough to look at."""
    found = np.empty(images.shape, np.uint8)
    for rows in _stretches(images):
        found[rows] = np.round(images[rows] * _WHITE).astype(np.uint8)
    return found


def shown(test: ImageSet) -> NDArray[np.int64]:
    """Return the rows that pictures show: the first image of each class, of as many classes as fit into one."""
    return np.unique(test.labels, return_index=True)[1][:_PICTURES]


def _see(classifier: Classifier, test: ImageSet, parts: Iterable[Images], made: Made) -> View:
    """Return what the model answers when it is shown `parts` in order, made of the first test images."""
    rows, logits = shown(test), []
    pictures = np.empty((len(rows), *test.images.shape[1:]), np.float32)
    start = 0
    for images in parts:
        indices = np.arange(start, start + len(images))
        logits.append(classifier.predict(images, indices=indices))
        here = np.isin(rows, indices)
        pictures[here] = images[rows[here] - start]
        start += len(images)
    answered, whole = np.concatenate(logits), start > rows.max()
    return View(
        predictions=answered.argmax(axis=1),
        images=pictures if whole else None,
        logits=answered[rows] if whole else None,
        made=made,
    )


def _largest(test: ImageSet, crafted: ImageSet, *, norm: str | int) -> float:
    """Return the size of the largest perturbation of images that were crafted from the first test images."""
    pairs = ((crafted.images[rows], test.images[rows]) for rows in _stretches(crafted.images))
    return float(np.max([perturbation.sizes(moved - clean, norm=norm).max() for moved, clean in pairs]))


def _parts(images: Images) -> Iterator[Images]:
    """Yield images, so many at a time that memory does not grow with their number."""
    for rows in _stretches(images):
        yield images[rows]


def _stretches(images: Images) -> list[slice]:
    """Return the rows of images, so many whole blocks at a time that memory does not grow with their number."""
    block = ROWS * math.prod(images.shape[1:]) * images.itemsize
    count = max(_STRETCH // block, 1) * ROWS
    return [slice(start, min(start + count, len(images))) for start in range(0, len(images), count)]
