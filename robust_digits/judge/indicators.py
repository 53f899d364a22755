"""Single numbers that tell whether the evaluation itself works; sanity.py holds each against its bound."""

import logging
from collections.abc import Mapping
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack import losses
from robust_digits.attack.ascent import random_start
from robust_digits.attack.classifier import Classifier
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import ATTACKS, doubled
from robust_digits.data.images import ImageSet
from robust_digits.judge.views import label
from robust_digits.params import Section
from robust_digits.runtime import tf

Images = NDArray[np.float32]
_log = logging.getLogger(__name__)
_ROUNDING = 1e-3  # of probabilities that are added up
_TINY = 1e-12
_CLIMB = 20  # steps of the ascent whose loss is watched
_LOSS = 1e-4  # rounding of a loss that is asked for twice; the logits ratio is about 1


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
        "difference_between_rows": _between_rows(classifier, images, outputs),
    }


def _between_rows(classifier: Classifier, images: Images, outputs: NDArray[np.float32]) -> float:
    """Return how much outputs differ when the images stand in other rows of a batch, as a share of the largest one."""
    turned = classifier.predict(images[::-1].copy())[::-1]
    return float(np.abs(outputs - turned).max() / np.maximum(np.abs(outputs).max(), _TINY))  # NaN stays NaN


def probabilities(outputs: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which outputs (n, classes) can be probabilities, bool (n,): none below 0, and together 1."""
    verdict: NDArray[np.bool_] = (outputs.min(axis=1) >= 0) & (np.abs(outputs.sum(axis=1) - 1) < _ROUNDING)
    return verdict


def trajectory(suite: Suite, few: ImageSet, *, seed: int) -> dict[str, float]:
    """Return two shares of images under AutoPGD on the logits ratio, of those that are right where it starts.

    After Pintor et al. 2022, "Indicators of Attack Failure": an attack whose loss never rises, or whose best place is
    lost, has failed.

    `loss_never_rose`: nowhere on the way was the loss above that of the random start. `best_thrown_away`: what the
    attack returns, asked again, is not what it saw: broken where it saw the model broken, else the largest loss on the
    way.
    """
    classifier, eps = suite.model, suite.eps
    images, labels = np.array(few.images), np.asarray(few.labels)
    drawn = (np.random.default_rng((seed, crc32(b"trajectory"), index)) for index in range(len(images)))
    pairs = zip(drawn, images, strict=True)
    start = np.array([random_start(each, image, norm=suite.norm, eps=eps) for each, image in pairs], np.float32)
    rows = np.flatnonzero(classifier.predict(start).argmax(axis=1) == labels)
    if not rows.size:
        return {"loss_never_rose": 0.0, "best_thrown_away": 0.0}
    ascent = suite.victim.ascent(losses.logits_ratio)
    trail = ascent.auto(images[rows], labels[rows], start=start[rows], eps=eps, steps=_CLIMB, indices=rows)
    logits = tf.constant(classifier.predict(trail.images, indices=rows))
    again = losses.logits_ratio(logits, tf.constant(labels[rows]), tf.constant(labels[rows])).numpy()
    lost = np.where(trail.best > 0, again < 0, again < trail.best - _LOSS)
    return {
        "loss_never_rose": float(np.mean(~(trail.best > trail.first))),  # NaN has not risen either
        "best_thrown_away": float(np.mean(lost)),
    }


def gain_from_effort(
    suite: Suite,
    few: ImageSet,
    transfer: ImageSet,
    attacks: Mapping[str, Section],
    found: Mapping[str, NDArray[np.int64]],
    *,
    proven: NDArray[np.bool_],
) -> float:
    """Return the largest share of images that a search left standing and breaks with twice the effort.

    `found` is what the model answered under the attacks before, of which `few` are the first images; `transfer` are
    those of `few`. What is `proven` stands, whatever the effort.
    """
    labels = np.asarray(few.labels)
    gains = [0.0]
    for name in (name for name in attacks if ATTACKS[name].search):
        left = np.flatnonzero((found[name][: len(few)] == labels) & ~proven[: len(few)])
        if left.size:
            _log.info("%s with twice the effort: %d images", label(name, suite.eps), left.size)
            longer, few_left, transfer_left = doubled(attacks[name]), few[left], np.asarray(transfer.images[left])
            tried = suite.attack(name, longer, few_left, transfer_left, indices=left).images
            gains.append(float((suite.model.predict(tried).argmax(axis=1) != labels[left]).sum() / len(few)))
    return max(gains)
