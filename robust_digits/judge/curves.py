"""Accuracy over the size of the perturbation: a defence that only hides its gradients bends the wrong way here."""

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from robust_digits.attack import perturbation, pgd
from robust_digits.attack.classifier import Classifier
from robust_digits.data.images import ImageSet


def security_curve(
    classifier: Classifier, images: ImageSet, *, norm: str | int, sizes: Sequence[float], steps: int, seed: int
) -> NDArray[np.float64]:
    """Return (eps, accuracy under PGD of that eps in `norm`), one row for each of `sizes`.

    Every point is attacked by itself and from the same random numbers: the curve may rise, which is a sign that the
    attack fails (Carlini et al. 2019).
    """
    bar = tqdm(sizes, desc=f"curve L{norm}", unit="eps", disable=not sys.stderr.isatty())
    return np.array([(eps, accuracy(classifier, images, norm=norm, eps=eps, steps=steps, seed=seed)) for eps in bar])


def accuracy(classifier: Classifier, images: ImageSet, *, norm: str | int, eps: float, steps: int, seed: int) -> float:
    """Return the accuracy under PGD from one random start in the ball of radius `eps`; at 0 the clean one."""
    np.random.seed(seed)  # noqa: NPY002 (where ART draws from)
    clean, labels = np.array(images.images), np.asarray(images.labels)
    right = classifier.predict(clean).argmax(axis=1) == labels
    if eps > 0 and right.any():
        found = pgd.ascend(classifier, clean[right], labels[right], norm=norm, eps=eps, steps=steps)
        perturbation.check(clean[right], found, norm=norm, eps=eps)
        right[right] = classifier.predict(found).argmax(axis=1) == labels[right]
    return float(right.mean())
