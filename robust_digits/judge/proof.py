"""What can be proven of a model: which test images no attack can break, and the share of them over eps.

Two tiers prove: intervals, which are quick and asked about every image, and linear bounds, which are asked about those
that intervals leave open and no attack has broken.
"""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack.suite import Suite
from robust_digits.certify import interval_bounds, linear_bounds
from robust_digits.data.images import ImageSet
from robust_digits.judge.evidence import Made
from robust_digits.judge.views import CERTIFIED, label
from robust_digits.runtime import keras

_PATIENCE = 16  # images in a row that linear bounds do not prove: then the others stay open
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Proof:
    """Which images (n,) are certified, and the share of the first ones over eps, (points, 2); None if nothing can be.

    `made` has the reason in that case, or else how many images each tier proved.
    """

    certified: NDArray[np.bool_] | None
    curve: NDArray[np.float64] | None
    made: Made


def by_intervals(suite: Suite, test: ImageSet) -> NDArray[np.bool_]:
    """Return which test images (n,) the quick tier proves: none where nothing can be proven."""
    if _reason(suite) is not None:
        return np.zeros(len(test), np.bool_)
    return interval_bounds.certified(suite.model.model, test, eps=suite.eps)


def prove(
    suite: Suite,
    test: ImageSet,
    standing: NDArray[np.bool_],
    *,
    intervals: NDArray[np.bool_],
    linf: tuple[float, ...],
    samples: int,
) -> Proof:
    """Prove which test images no attack within `suite.eps` can break; the bounds are of L-infinity alone.

    `standing` (n,) are those that no attack has broken, `intervals` (n,) those that the quick tier has proven. The
    curve over eps is that of the first `samples` test images, as those of the attacks are.
    """
    network, reason = suite.model.model, _reason(suite)
    if reason is not None:
        return Proof(None, None, Made(suite.norm, suite.eps, {"reason": reason}))
    _log.info("%s: %d images", label(CERTIFIED, suite.eps), len(test))
    linear = _linearly(network, test, standing & ~intervals, eps=suite.eps)
    made = Made("inf", suite.eps, {"intervals": int(intervals.sum()), "linear_bounds": int(linear.sum())})
    return Proof(intervals | linear, _curve(network, test[:samples], linf), made)


def _reason(suite: Suite) -> str | None:
    """Return why nothing can be proven of the model of a suite, None if something can."""
    return interval_bounds.unsupported(suite.model.model) if suite.norm == "inf" else "no bounds but of L-infinity"


def _curve(network: keras.Model, few: ImageSet, linf: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the share that intervals prove at each eps: linear bounds of every image at every eps take minutes."""
    return np.array([(eps, float(interval_bounds.certified(network, few, eps=eps).mean())) for eps in linf])


def _linearly(network: keras.Model, test: ImageSet, asked: NDArray[np.bool_], *, eps: float) -> NDArray[np.bool_]:
    """Return which of the images that are asked about (n,) linear bounds prove, until they prove none for a while."""
    proven = np.zeros(len(asked), np.bool_)
    rows = np.flatnonzero(asked)
    for start in range(0, len(rows), _PATIENCE):
        block = rows[start : start + _PATIENCE]
        found = linear_bounds.certified(network, ImageSet(test.images[block], test.labels[block]), eps=eps)
        proven[block] = found
        if not found.any():
            break
    return proven
