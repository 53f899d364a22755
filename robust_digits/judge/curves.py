"""Accuracy over the size of the perturbation, in both norms."""

import sys
from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from robust_digits.arrays import perturbation
from robust_digits.attack import losses
from robust_digits.attack.ascent import random_start
from robust_digits.attack.target import Victim
from robust_digits.data.images import ImageSet

Standing = dict[float, NDArray[np.bool_]]  # which images (n,) stand at each eps, the smallest first


def shares(standing: Standing) -> NDArray[np.float64]:
    """Return (eps, share of the images that stand), a row for each eps."""
    return np.array([(eps, right.mean()) for eps, right in standing.items()], np.float64).reshape(-1, 2)


class SecurityCurve:
    """What stands under AutoPGD of few steps, on the logits ratio, in balls that grow in one norm: compiled once."""

    def __init__(self, victim: Victim, *, norm: str | int, steps: int, seed: int) -> None:
        """Take a model under attack, the norm, "inf" or 2, the steps of AutoPGD at each size, and the seed."""
        self._classifier, self._norm, self._steps, self._seed = victim.classifier, norm, steps, seed
        self._ascent = victim.ascent(losses.logits_ratio, norm=norm)

    def measure(self, images: ImageSet, sizes: Sequence[float]) -> Standing:
        """Return which images are right anywhere that was looked in the ball of each of `sizes`.

        Each climb goes on from where the one in the smaller ball ended; what is broken there is broken in all larger
        ones, which contain it. At eps 0 those stand that are right clean.
        """
        clean, labels = np.array(images.images), np.asarray(images.labels)
        standing = np.flatnonzero(self._right(clean, labels))
        start = clean.copy()
        found: Standing = {}
        bar = tqdm(sorted(sizes), desc=f"curve L{self._norm}", unit="eps", disable=not sys.stderr.isatty())
        for eps in bar:
            if eps > 0 and standing.size:
                if not any(found):  # no ball but that of radius 0 yet
                    start[standing] = self._starts(clean[standing], standing, eps)
                start[standing] = self._climb(clean[standing], labels[standing], start[standing], eps)
                standing = standing[self._right(start[standing], labels[standing])]
            found[eps] = np.isin(np.arange(len(labels)), standing)
        return found

    def _climb(
        self, clean: NDArray[np.float32], labels: NDArray[np.int64], start: NDArray[np.float32], eps: float
    ) -> NDArray[np.float32]:
        found = self._ascent.auto(clean, labels, start=start, eps=eps, steps=self._steps).images
        perturbation.check(clean, found, norm=self._norm, eps=eps)
        return found

    def _starts(self, clean: NDArray[np.float32], rows: NDArray[np.int64], eps: float) -> NDArray[np.float32]:
        """Return a random place in the ball of each image, whatever other images there are."""
        name = crc32(b"curve")
        drawn = (np.random.default_rng((self._seed, name, int(row))) for row in rows)
        return np.array(
            [random_start(each, image, norm=self._norm, eps=eps) for each, image in zip(drawn, clean, strict=True)],
            np.float32,
        )

    def _right(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        verdict: NDArray[np.bool_] = self._classifier.predict(images).argmax(axis=1) == labels
        return verdict
