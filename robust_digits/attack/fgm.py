"""The Fast Gradient Method (Goodfellow, Shlens & Szegedy 2015, "Explaining and Harnessing Adversarial Examples")."""

import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from robust_digits.arrays import perturbation
from robust_digits.attack.classifier import BATCH, Classifier, evasion
from robust_digits.data.images import ImageSet


def craft(classifier: Classifier, whole: ImageSet, *, norm: str | int, eps: float, what: str) -> Iterator[ImageSet]:
    """Yield the set again, a batch at a time, each image moved up the gradient of its true label's loss.

    The step has size `eps` in `norm` ("inf", 1 or 2) before pixels are clipped to [0, 1]. True labels, not
    predictions: moving away from a wrong prediction would mend mistakes. `what` names the work on the progress bar.

    Raises
    ------
    ValueError
        If the result leaves the bounds.
    """
    attack = evasion.FastGradientMethod(
        classifier, norm=np.inf if norm == "inf" else norm, eps=eps, eps_step=eps, batch_size=BATCH
    )
    with tqdm(total=len(whole), desc=what, unit="image", disable=not sys.stderr.isatty()) as bar:
        for batch in whole.batches(BATCH):
            adversarial: NDArray[np.float32] = attack.generate(np.asarray(batch.images), np.asarray(batch.labels))
            perturbation.check(batch.images, adversarial, norm=norm, eps=eps)
            yield ImageSet(adversarial, batch.labels)
            bar.update(len(batch))
