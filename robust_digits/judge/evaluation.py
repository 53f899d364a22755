"""Judge one model on the test images: as they are, on the old adversarial set, and attacked afresh."""

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack import fgm
from robust_digits.attack.classifier import Classifier
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.judge.evidence import Evidence


def evaluate(classifier: Classifier, test: ImageSet, transfer: ImageSet, *, norm: str | int, eps: float) -> Evidence:
    """Return what the model predicts in three views of the test images.

    `clean`: as they are. `fgm_transfer`: `transfer`, the same images crafted against the baseline, the tutorial's
    number. `fgm_fresh`: the same attack, of size `eps` in `norm`, crafted again against this very model.

    Raises
    ------
    InputError
        If `transfer` was not made from `test`.
    """
    if not np.array_equal(transfer.labels, test.labels) or transfer.images.shape != test.images.shape:
        raise InputError("the adversarial test set was not crafted from this test set; `dvc repro` makes both")
    shown = first_of_each_class(test.labels)
    fresh = [batch.images for batch in fgm.craft(classifier, test, norm=norm, eps=eps, what="attacking afresh")]
    adversarial = np.concatenate(fresh)
    clean_logits, adversarial_logits = classifier.predict(test.images), classifier.predict(adversarial)
    return Evidence(
        labels=np.asarray(test.labels),
        clean=clean_logits.argmax(axis=1),
        fgm_transfer=classifier.predict(transfer.images).argmax(axis=1),
        fgm_fresh=adversarial_logits.argmax(axis=1),
        shown=shown,
        adversarial=adversarial[shown],
        clean_logits=clean_logits[shown],
        adversarial_logits=adversarial_logits[shown],
    )


def first_of_each_class(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the row of the first image of each class: the few that every picture shows."""
    return np.unique(labels, return_index=True)[1]
