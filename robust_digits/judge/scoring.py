"""Turn verdicts, one a test image, into fractions with intervals."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

DECIMALS = 4  # one image in 10,000


def accuracy(right: NDArray[np.bool_]) -> float:
    """Return the fraction of verdicts (n,) that are right, rounded."""
    return round(float(np.mean(right)), DECIMALS)


def interval(right: int, count: int) -> tuple[float, float]:
    """Return the 95% interval of the accuracy `right` / `count` by Wilson's score (1927); count 0 is a ValueError.

    Says how far the figure may be off because the test set is one draw of so many images. Near 0 and 1 it is not
    symmetric about the figure.
    """
    found = binomtest(right, count).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def margin(right: NDArray[np.bool_]) -> float:
    """Return half the width of the `interval` of verdicts (n,), rounded."""
    low, high = interval(int(np.sum(right)), len(right))
    return round((high - low) / 2, DECIMALS)


def metrics(
    verdicts: Mapping[str, NDArray[np.bool_]], *, certified: NDArray[np.bool_] | None, uncertified: str | None
) -> dict[str, Any]:
    """Return what metrics/<model>.json holds: the number of test images, `accuracy` and `margin` of each view.

    And what is certified: its accuracy and margin, or nothing, and `uncertified`, the reason.
    """
    return {
        "images": max(len(right) for right in verdicts.values()),
        "accuracy": {view: accuracy(right) for view, right in verdicts.items()},
        "margin": {view: margin(right) for view, right in verdicts.items()},
        "certified": {"accuracy": None, "reason": uncertified}
        if certified is None
        else {"accuracy": accuracy(certified), "margin": margin(certified)},
    }


def per_class(right: NDArray[np.bool_], labels: NDArray[np.int64]) -> dict[int, float]:
    """Return the accuracy within each class of `labels`, both (n,)."""
    return {int(label): accuracy(right[labels == label]) for label in np.unique(labels)}
