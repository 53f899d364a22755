"""Checks that the evaluation itself works: a broken attack also makes a model look robust.

After Carlini et al. 2019 ("On Evaluating Adversarial Robustness"), the warnings of AutoAttack (Croce & Hein 2020),
"Indicators of Attack Failure" (Pintor et al. 2022), and the active test of Zimmermann et al. 2022.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from robust_digits.arrays import perturbation
from robust_digits.attack.table import ATTACKS, Attack
from robust_digits.judge.checks import Check
from robust_digits.judge.evidence import Evidence, Made
from robust_digits.judge.views import CERTIFIED, CLEAN, FGM_TRANSFER, NORMS, WORST_CASE, after

SLACK = 0.01  # of accuracy: what two attacks of equal strength may differ by, by chance
BROKEN = 0.02  # accuracy of a model with no defence under a working suite
GREY = 0.5  # at this L-infinity eps every image may be the same grey
ROUNDING = 1e-4  # of outputs, whose sums may be split in another way
MISSED = 0.1  # of planted examples: sound attacks missed 7% at most (two of 31), one step 41% on a hardened network
VOID = 0.25  # of images for which nothing can be planted: 8% at most on sound networks
_OF_TRANSFER = ("transfer_within_eps", "white_box_vs_transfer")


def checks(found: Evidence, *, control: bool) -> dict[str, Check]:
    """Return every check of one model by name; `control` adds that a model without defence must fall.

    A model that was shown no transfer set has no checks of one.
    """
    table = {
        **_rules(found),
        **_answers(found),
        **_curves(found),
        **_effort(found),
        **_teeth(found),
        **_strength(found),
    }
    if "transfer_size" not in found.indicators:
        table = {name: check for name, check in table.items() if name not in _OF_TRANSFER}
    table["worst_case"] = Check("share of images counted as standing that an attack broke", _miscounted(found), 0.0)
    if found.certified is not None:
        table["certified"] = Check("share of images broken though certified", _fallen(found, found.certified), 0.0)
    if control:
        worst = float(found.right(WORST_CASE).mean())
        table["control"] = Check("worst case of the model without a defence", worst, BROKEN)
    return table


def _fallen(found: Evidence, certified: NDArray[np.bool_]) -> float:
    """Return the share of images that are certified and broken, in the ball of the suite or in one of the curve."""
    shares = [float((certified & ~found.right(WORST_CASE)).mean())]
    if CERTIFIED in found.curves:
        left = dict(found.curves["linf"])
        shares += [proven - left.get(eps, 0.0) for eps, proven in found.curves[CERTIFIED]]
    return max(shares)


def _rules(found: Evidence) -> dict[str, Check]:
    """Return whether the attacks kept to eps and to the range of pixels."""
    measured = found.indicators
    suite, transfer = (found.made.get(view, Made()).norm or "inf" for view in (WORST_CASE, FGM_TRANSFER))
    return {
        "within_eps": Check(
            f"largest perturbation of the suite, in {NORMS[suite]}",
            measured.get("largest_perturbation"),
            _longest(found, measured["eps"], norm=suite),
        ),
        "transfer_within_eps": Check(
            "largest perturbation of the transfer set as it lies on disk, in its norm",
            measured.get("transfer_size"),
            _longest(found, measured.get("transfer_eps", 0.0), norm=transfer),
        ),
        "within_range": Check("how far a pixel lies outside [0, 1]", measured.get("beyond_range"), 0.0),
    }


def _longest(found: Evidence, eps: float, *, norm: str | int) -> float:
    """Return how long a perturbation of the test images may be that was meant to be of size `eps`."""
    return eps + perturbation.rounding(found.pictured[CLEAN].shape[1:], norm=norm, eps=eps)


def _answers(found: Evidence) -> dict[str, Check]:
    """Return whether the model answers as attacks need it."""
    measured = found.indicators
    return {
        "logits": Check("share of outputs that are probabilities, not logits", measured["probabilities"], SLACK),
        "deterministic": Check("largest difference when asked twice", measured["difference_on_repeat"], 0.0),
        "one_by_one": Check(
            "largest difference of an output between two rows of a batch, as a share of the largest output",
            measured.get("difference_between_rows"),
            ROUNDING,
        ),
        "zero_gradients": Check("share of images without a gradient", measured["zero_gradients"], SLACK),
    }


def _curves(found: Evidence) -> dict[str, Check]:
    """Return whether accuracy over eps bends as it must."""
    linf = found.curves["linf"][np.argsort(found.curves["linf"][:, 0])]
    at_grey = linf[linf[:, 0] >= GREY, 1]
    return {
        "grey_bound": Check(
            "accuracy at eps 0.5; all images may be grey there, so above the largest class the attack fails",
            float(at_grey.max()) if at_grey.size else None,
            found.indicators["grey_bound"] + SLACK,
        ),
        "unbounded": Check("accuracy when APGD may do anything", found.indicators["unbounded"], BROKEN),
    }


def _teeth(found: Evidence) -> dict[str, Check]:
    """Return whether attacks find what is planted for them, and whether what they climb is a loss."""
    measured = found.indicators
    return {
        "planted": Check(
            "share of adversarial examples, planted within eps, that gradient attacks miss",
            measured.get("planted_missed"),
            MISSED,
        ),
        "planted_hidden": Check(
            "share of images for which nothing could be planted that stays hidden from noise",
            measured.get("planted_void"),
            VOID,
        ),
        "loss_rises": Check("share of images whose loss never rose under APGD", measured.get("loss_never_rose"), SLACK),
        "best_kept": Check(
            "share of images for which APGD returned less than the best it had seen",
            measured.get("best_thrown_away"),
            0.0,
        ),
    }


def _effort(found: Evidence) -> dict[str, Check]:
    """Return whether the attacks looked for long enough, and at all."""
    return {
        "more_effort": Check(
            "share of images that an attack left standing and breaks with twice its steps or queries",
            found.indicators["gain_from_effort"],
            2 * SLACK,
        ),
        "idle_attacks": Check("attacks that moved no image at all", found.indicators.get("idle_attacks"), 0.0),
    }


def _strength(found: Evidence) -> dict[str, Check]:
    """Return whether what should be the stronger attack leaves no more images than the weaker one.

    Attacks are told apart by their records. Only those count that use the whole ball and saw every image, and the
    members of an ensemble, each with what it left of what the ones before it did.
    """
    whole = {name for name in found.suite() if len(found.predictions[name]) == len(found.labels)}
    left = {name: float(found.right(name).mean()) for name in whole if ATTACKS[name].bounded}
    for ensemble in [name for name in left if ATTACKS[name].members]:
        for member in ATTACKS[ensemble].members:
            left[member] = min(left.get(member, 1.0), found.indicators[after(ensemble, member)])
    known = {name: ATTACKS[name] for name in ATTACKS if name in left}

    def accuracies(wanted: Callable[[Attack], bool]) -> list[float]:
        return [left[name] for name, attack in known.items() if wanted(attack)]

    iterative = accuracies(lambda attack: attack.white_box and attack.iterative)
    single = accuracies(lambda attack: attack.white_box and not attack.iterative)
    gradient_free = accuracies(lambda attack: attack.search and not attack.white_box)
    transfer, noise = accuracies(ATTACKS["transfer"].__eq__), accuracies(ATTACKS["noise"].__eq__)

    def check(says: str, stronger: float | None, weaker: list[float]) -> Check:
        lead = None if stronger is None or not weaker else stronger - min(weaker)
        return Check(f"accuracy under {says}", lead, SLACK)

    strongest = min(iterative, default=None)
    return {
        "iterative_vs_single": check(
            "the weakest iterative attack above that under a single step", max(iterative, default=None), single
        ),
        "gradient_free_vs_noise": check(
            "attacks without gradients above that under noise", max(gradient_free, default=None), noise
        ),
        "white_box_vs_transfer": check("the strongest iterative attack above that by transfer", strongest, transfer),
        "white_box_vs_noise": check("the strongest iterative attack above that under noise", strongest, noise),
        "white_box_vs_gradient_free": check(
            "the strongest iterative attack above that under attacks without gradients", strongest, gradient_free
        ),
    }


def _miscounted(found: Evidence) -> float:
    standing = found.right(WORST_CASE)
    broken = [np.mean(standing[: len(right)] & ~right) for right in map(found.right, [CLEAN, *found.suite()])]
    return float(max(broken))
