"""What can be proven of a model: which test images no attack can break, and the share of them over eps."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack.suite import Suite
from robust_digits.certify import interval_bounds
from robust_digits.data.images import ImageSet
from robust_digits.judge.evidence import Made
from robust_digits.judge.views import CERTIFIED, label

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Proof:
    """Which images (n,) are certified, and the share of the first ones over eps, (points, 2); None if nothing can be.

    `made` has the reason in that case.
    """

    certified: NDArray[np.bool_] | None
    curve: NDArray[np.float64] | None
    made: Made


def prove(suite: Suite, test: ImageSet, *, linf: tuple[float, ...], samples: int) -> Proof:
    """Prove which test images no attack within `suite.eps` can break; the bounds are of L-infinity alone.

    The curve over eps is that of the first `samples` test images, as those of the attacks are.
    """
    network = suite.model.model
    reason = interval_bounds.unsupported(network) if suite.norm == "inf" else "no bounds but of L-infinity"
    if reason is not None:
        return Proof(None, None, Made(suite.norm, suite.eps, {"reason": reason}))
    _log.info("%s: %d images", label(CERTIFIED, suite.eps), len(test))
    few = test[:samples]
    shares = [(eps, float(interval_bounds.certified(network, few, eps=eps).mean())) for eps in linf]
    certified = interval_bounds.certified(network, test, eps=suite.eps)
    return Proof(certified, np.array(shares), Made("inf", suite.eps))
