"""Single numbers that tell whether the evaluation itself works; sanity.py holds each against its bound."""

import logging
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack.classifier import Classifier
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import ATTACKS, doubled
from robust_digits.data.images import ImageSet
from robust_digits.judge.views import label
from robust_digits.params import Section

_log = logging.getLogger(__name__)
_ROUNDING = 1e-3  # of probabilities that are added up


def answers(classifier: Classifier, few: ImageSet) -> dict[str, float]:
    """Measure whether the model's answers are what attacks need: logits, the same each time, with gradients."""
    images, labels = np.array(few.images), np.asarray(few.labels)
    outputs = classifier.predict(images)
    one_hot = np.eye(classifier.nb_classes, dtype=np.float32)[labels]
    gradients = np.abs(classifier.loss_gradient(images, one_hot)).reshape(len(few), -1).max(axis=1)
    return {
        "zero_gradients": float(np.mean(~(gradients > 0))),  # NaN is none either
        "probabilities": float(np.mean(probabilities(outputs))),
        "difference_on_repeat": float(np.abs(outputs - classifier.predict(images)).max()),
    }


def probabilities(outputs: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which outputs (n, classes) can be probabilities, bool (n,): none below 0, and together 1."""
    verdict: NDArray[np.bool_] = (outputs.min(axis=1) >= 0) & (np.abs(outputs.sum(axis=1) - 1) < _ROUNDING)
    return verdict


def gain_from_effort(
    suite: Suite,
    few: ImageSet,
    transfer: ImageSet,
    attacks: Mapping[str, Section],
    found: Mapping[str, NDArray[np.int64]],
) -> float:
    """Return the largest share of images that a search left standing and breaks with twice the effort.

    `found` is what the model answered under the attacks before, of which `few` are the first images; `transfer` are
    those of `few`.
    """
    labels = np.asarray(few.labels)
    gains = [0.0]
    for name in (name for name in attacks if ATTACKS[name].search):
        left = np.flatnonzero(found[name][: len(few)] == labels)
        if left.size:
            _log.info("%s with twice the effort: %d images", label(name, suite.eps), left.size)
            longer, few_left, transfer_left = doubled(attacks[name]), few[left], np.asarray(transfer.images[left])
            tried = suite.attack(name, longer, few_left, transfer_left, indices=left).images
            gains.append(float((suite.model.predict(tried).argmax(axis=1) != labels[left]).sum() / len(few)))
    return max(gains)
