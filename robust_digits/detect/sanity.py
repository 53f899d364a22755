"""Checks that an evaluation of detectors works: an attack that does not know a detector makes it look good.

After Tramer, Carlini, Brendel & Madry 2020, "On Adaptive Attacks to Adversarial Example Defenses".
"""

from collections.abc import Sequence

import numpy as np

from robust_digits.attack.table import ATTACKS
from robust_digits.detect.figures import Judged, attacks, percent
from robust_digits.detect.scores import EVASION, Views
from robust_digits.judge.checks import Check
from robust_digits.judge.sanity import SLACK


def checks(views: Views, *, detector: str, false_alarms: Sequence[float]) -> dict[str, Check]:
    """Return the checks of one detector by name: at each share of false alarms, who knows it must find as much.

    That is compared with every attack of the suite, all of which have the same ball as the one that knows it.
    """
    return {
        f"{detector}_evasion_{percent(share)}": Check(
            f"share that model and {detector}, {100 * share:g}% false alarms, handle under the attack that knows the "
            "detector, above that under the strongest that does not",
            _lead(views, Judged(views, false_alarms=share)),
            SLACK,
        )
        for share in false_alarms
    }


def _lead(views: Views, judged: Judged) -> float | None:
    """Return how much more is handled under the attack that knows the detector; None without another attack."""
    handled = {view: float(np.mean(judged.handled(view))) for view in attacks(views)}
    others = [share for view, share in handled.items() if view in ATTACKS]
    return handled[EVASION] - min(others) if others else None
