"""How well a score tells attacked images from clean ones: thresholds, the curve over them, the area under it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from robust_digits.judge import scoring

Scores = NDArray[np.float64]


def threshold(validation: Scores, false_alarms: float) -> float:
    """Return the smallest score that a share `false_alarms` of the validation images (n,) at most lies above.

    What lies above it is flagged.
    """
    return float(np.sort(validation)[::-1][int(false_alarms * len(validation))])


def curve(clean: Scores, attacked: Scores) -> NDArray[np.float64]:
    """Return (false alarms, detected), one row a threshold, from nothing flagged to everything: (points, 2)."""
    thresholds = np.unique(np.concatenate([clean, attacked]))[::-1]
    shares = [1 - np.searchsorted(np.sort(each), thresholds, side="left") / len(each) for each in (clean, attacked)]
    return np.concatenate([np.zeros((1, 2)), np.stack(shares, axis=1)])


def area(clean: Scores, attacked: Scores) -> float:
    """Return the area under the curve: how often an attacked image scores above a clean one, a tie being half."""
    return float(np.mean(_beaten(attacked, clean)))


def area_interval(clean: Scores, attacked: Scores) -> tuple[float, float]:
    """Return the 95% interval of the area.

    Its variance is that of DeLong et al. 1988; the interval that of Wilson for a share of as many images as have this
    variance, which does not shrink to nothing where every attacked image scores above every clean one.
    """
    share = area(clean, attacked)
    variance = sum(_variance(_beaten(*pair)) for pair in ((attacked, clean), (clean, attacked)))
    fewest = min(len(clean), len(attacked))
    count = max(1, round(share * (1 - share) / variance)) if variance > 0 else fewest
    return scoring.interval(round(share * count), count)


def _beaten(these: Scores, others: Scores) -> NDArray[np.float64]:
    """Return which share of the others each of these scores above."""
    own = rankdata(these)
    every = rankdata(np.concatenate([these, others]))[: len(these)]
    shares: NDArray[np.float64] = (every - own) / len(others)
    return shares


def _variance(shares: Sequence[float] | NDArray[np.float64]) -> float:
    """Return the variance of the mean of shares (n,)."""
    return float(np.var(shares, ddof=1) / len(shares)) if len(shares) > 1 else 0.0
