"""Turn verdicts, one a test image, into fractions with intervals."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

DECIMALS = 4  # one image in 10,000


def accuracy(right: NDArray[np.bool_]) -> float:
    """Return the fraction of verdicts (n,) that are right, rounded."""
    return round(float(np.mean(right)), DECIMALS)


def margin(right: NDArray[np.bool_]) -> float:
    """Return half the width of the 95% interval of `accuracy` by Wilson's score (1927), rounded.

    Says how far the figure may be off because the test set is one draw of n images; n = 0 is a ValueError.
    """
    interval = binomtest(int(np.sum(right)), len(right)).proportion_ci(0.95, method="wilson")
    return round(float(interval.high - interval.low) / 2, DECIMALS)


def metrics(verdicts: Mapping[str, NDArray[np.bool_]]) -> dict[str, dict[str, float]]:
    """Return `accuracy` and `margin` of each view of the test set, as metrics/<model>.json holds them."""
    return {
        "accuracy": {view: accuracy(right) for view, right in verdicts.items()},
        "margin": {view: margin(right) for view, right in verdicts.items()},
    }


def per_class(right: NDArray[np.bool_], labels: NDArray[np.int64]) -> dict[int, float]:
    """Return the accuracy within each class of `labels`, both (n,)."""
    return {int(label): accuracy(right[labels == label]) for label in np.unique(labels)}
