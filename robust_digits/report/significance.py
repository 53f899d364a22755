"""Whether two models differ by more than chance would make them: image by image where the test images are the same.

The exact test of McNemar (1947) asks only the images on which the two models differ: if both were equally good, as many
would have been mended as broken. Where the images are others, or their verdicts are not known, the pooled
two-proportion test takes the two evaluations for independent ones, which is cautious.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from robust_digits.history import verdicts
from robust_digits.history.protocol import TEST_IMAGES
from robust_digits.history.results import Results, Share, view_of

MCNEMAR, TWO_PROPORTIONS = "McNemar", "two proportions"


@dataclass(frozen=True)
class Difference:
    """How likely a difference at least this large is by chance (`p`), by which test, and which images make it.

    `broke` are the numbers of the test images that were right at the base and are wrong here, `mended` the other way
    round; both are None where the two revisions cannot be compared image by image.
    """

    p: float
    test: str
    broke: tuple[int, ...] | None = None
    mended: tuple[int, ...] | None = None


def difference(base: Results, here: Results, figure: str) -> Difference | None:
    """Return how a figure, such as robust.accuracy.clean, differs between two revisions; None if one lacks it."""
    was, now = base.figures.get(figure), here.figures.get(figure)
    if was is None or now is None:
        return None
    flipped = _flipped(base, here, figure)
    if flipped is None:
        return Difference(two_proportions(was, now), TWO_PROPORTIONS)
    broke, mended = flipped
    return Difference(mcnemar(len(broke), len(mended)), MCNEMAR, broke, mended)


def mcnemar(broke: int, mended: int) -> float:
    """Return the two-sided p of the exact test of McNemar: 1 where no image changed sides."""
    return float(binomtest(broke, broke + mended, 0.5).pvalue) if broke + mended else 1.0


def two_proportions(base: Share, here: Share) -> float:
    """Return the two-sided p of the pooled z-test of two shares (the square of z is Pearson's chi-squared)."""
    right = [round(share.value * share.images) for share in (base, here)]
    pooled = sum(right) / (base.images + here.images)
    deviation = math.sqrt(pooled * (1 - pooled) * (1 / base.images + 1 / here.images))
    if deviation == 0:  # all right or all wrong in both
        return 1.0
    return math.erfc(abs(right[0] / base.images - right[1] / here.images) / deviation / math.sqrt(2))


def _flipped(base: Results, here: Results, figure: str) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return which images broke and which were mended; None where the images are others, or verdicts are missing."""
    model, view = figure.partition(".")[0], view_of(figure)
    both = [results.verdicts.get(model) for results in (base, here)]
    images = [judged_on(results, model) for results in (base, here)]
    if both[0] is None or both[1] is None or images[0] is None or images[0] != images[1]:
        return None
    was, now = (each.views.get(view) for each in both if each)
    if was is None or now is None or not np.array_equal(both[0].labels, both[1].labels):
        return None
    seen = (was != verdicts.UNSEEN) & (now != verdicts.UNSEEN)
    if not np.array_equal(seen, (was != verdicts.UNSEEN) | (now != verdicts.UNSEEN)):  # each attacked other images
        return None
    broke, mended = ((was > now) & seen).nonzero()[0], ((was < now) & seen).nonzero()[0]
    return tuple(map(int, broke)), tuple(map(int, mended))


def judged_on(results: Results, model: str) -> str | None:
    """Return the MD5 of the test images that a model was judged on, by dvc.lock."""
    stage = results.stages.get(f"evaluate@{model}")
    return stage.deps.get(TEST_IMAGES) if stage else None
