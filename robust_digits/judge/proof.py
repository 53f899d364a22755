"""What can be proven of a model: which test images no attack can break, and the share of them over eps.

Two tiers prove: intervals, which are quick and asked about every image, and linear bounds, which are asked about those
that intervals leave open and no attack has broken.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack.suite import Suite
from robust_digits.certify import interval_bounds
from robust_digits.certify.linear_bounds import LinearBounds
from robust_digits.data.images import ImageSet
from robust_digits.judge.curves import Standing, shares
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


class Prover(Protocol):
    """Who asks linear bounds in the place of this process."""

    def certify(self, blocks: Iterable[ImageSet], *, eps: float) -> Iterator[NDArray[np.bool_]]:
        """Yield which images of each block are proven, in order."""


def by_intervals(suite: Suite, test: ImageSet) -> NDArray[np.bool_]:
    """Return which test images (n,) the quick tier proves: none where nothing can be proven."""
    if _reason(suite) is not None:
        return np.zeros(len(test), np.bool_)
    return interval_bounds.certified(suite.model.model, test, eps=suite.eps)


def prove(
    suite: Suite,
    test: ImageSet,
    standing: NDArray[np.bool_],
    over: Standing,
    *,
    intervals: NDArray[np.bool_],
    prover: Prover | None = None,
) -> Proof:
    """Prove which test images no attack within `suite.eps` can break; the bounds are of L-infinity alone.

    `standing` (n,) are those that no attack has broken, `intervals` (n,) those that the quick tier has proven; `over`
    says of the first images which stand at which eps. At each of these it is asked anew what can be proven of them.
    Linear bounds are asked by `prover`, or by this process.
    """
    network, reason = suite.model.model, _reason(suite)
    if reason is not None:
        return Proof(None, None, Made(suite.norm, suite.eps, {"reason": reason}))
    _log.info("%s: %d images", label(CERTIFIED, suite.eps), len(test))
    tiers = _Tiers(network, test, prover)
    linear = tiers.linear(standing & ~intervals, eps=suite.eps)
    made = Made("inf", suite.eps, {"intervals": int(intervals.sum()), "linear_bounds": int(linear.sum())})
    certified = intervals | linear
    _log.info("certified over eps: %d images", len(next(iter(over.values()), ())))
    curve = _over(tiers, over, certified=certified, at=suite.eps)
    return Proof(certified, shares(curve), made)


def _reason(suite: Suite) -> str | None:
    """Return why nothing can be proven of the model of a suite, None if something can."""
    return interval_bounds.unsupported(suite.model.model) if suite.norm == "inf" else "no bounds but of L-infinity"


def _over(tiers: "_Tiers", over: Standing, *, certified: NDArray[np.bool_], at: float) -> Standing:
    """Return which of the first images are proven at each eps, where `at` one of them it is known of all images.

    The smallest ball comes first: linear bounds are not asked about what they did not prove in a smaller one.
    """
    found: Standing = {}
    for eps, left in over.items():
        count = len(left)
        proven = tiers.intervals(count, eps=eps) | (certified[:count] & (eps <= at))
        if eps != at:
            before = next(reversed(found.values()), True)
            proven |= tiers.linear(before & left & ~proven, eps=eps)
        found[eps] = proven
    return found


class _Tiers:
    """The two tiers of proofs of a network; what the second needs is compiled when it is asked first."""

    def __init__(self, network: keras.Model, test: ImageSet, prover: Prover | None) -> None:
        """Take a network that bounds can be had of, the images to ask about, and who asks the second tier."""
        self._network, self._test, self._prover = network, test, prover or self

    def intervals(self, count: int, *, eps: float) -> NDArray[np.bool_]:
        """Return which of the first images intervals prove, (count,)."""
        return interval_bounds.certified(self._network, self._test[:count], eps=eps)

    def linear(self, asked: NDArray[np.bool_], *, eps: float) -> NDArray[np.bool_]:
        """Return which of the images that are asked about, (count,), linear bounds prove, until they prove none."""
        proven = np.zeros(len(asked), np.bool_)
        rows = np.flatnonzero(asked)
        blocks = [rows[start : start + _PATIENCE] for start in range(0, len(rows), _PATIENCE)]
        sets = (ImageSet(self._test.images[block], self._test.labels[block]) for block in blocks)
        for block, stand in zip(blocks, self._prover.certify(sets, eps=eps), strict=False):
            proven[block] = stand
            if not stand.any():
                break
        return proven

    def certify(self, blocks: Iterable[ImageSet], *, eps: float) -> Iterator[NDArray[np.bool_]]:
        """Yield which images of each block are proven, in order, when they are asked for."""
        for few in blocks:
            yield self._lines.certified(few, eps=eps)

    @cached_property
    def _lines(self) -> LinearBounds:
        return LinearBounds(self._network, self._test.images.shape[1:])
