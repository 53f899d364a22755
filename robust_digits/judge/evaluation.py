"""Judge one model on the test images: clean, under FGM from the baseline and from itself, by every attack, by proof.

Each function takes what it needs and returns what it found; none depends on another having been called, and every
attack draws from numbers of its own, so that their order changes nothing.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from robust_digits.attack.suite import Suite
from robust_digits.attack.target import Victim
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.judge import indicators, proof, showing
from robust_digits.judge.curves import SecurityCurve, Standing, shares
from robust_digits.judge.evidence import Evidence, Made
from robust_digits.judge.proof import Prover
from robust_digits.judge.settings import Curve
from robust_digits.judge.showing import Transferred, Views
from robust_digits.judge.views import CERTIFIED, CLEAN, WORST_CASE
from robust_digits.params import Section
from robust_digits.plant import planted

_log = logging.getLogger(__name__)  # silent but for a command that shows it


def judge(  # what an evaluation is made of, all by keyword
    suite: Suite,
    test: ImageSet,
    transfer: ImageSet | None = None,
    *,
    norm: str | int = "inf",
    eps: float = 0.0,
    further: Mapping[str, Transferred] | None = None,
    attacks: Mapping[str, Section],
    curve: Curve,
    seed: int,
    prover: Prover | None = None,
) -> Evidence:
    """Return everything that can be found of a model.

    `transfer` is the set that the stage `craft` made of these test images against the baseline, at `eps` in `norm`;
    without one, neither it nor the same attack against this very model is looked at. `further` are its sets by other
    attacks, by their names, as far as they were crafted. `attacks` are run within `suite.eps` in `suite.norm`;
    `prover` asks linear bounds, or this process does.

    Raises
    ------
    InputError
        If the transfer set, or a further one, was not made from the test images.
    ValueError
        If there is none, and the attack `transfer` is to be run.
    """
    if transfer is None and "transfer" in attacks:
        raise ValueError("expected a transfer set for the attack `transfer`, got none")
    further = further or {}
    sets = [] if transfer is None else [(test, transfer)]
    sets += [(test[: len(each.images)], each.images) for each in further.values()]
    if not all(_made_from(few, each) for few, each in sets):
        raise InputError("the adversarial test set was not crafted from this test set; `dvc repro` makes both")
    crafted = (
        Views({}, {}) if transfer is None else showing.fast_gradient(suite.model, test, transfer, norm=norm, eps=eps)
    )
    others = test if transfer is None else transfer  # no attack but `transfer` looks at them
    intervals = proof.by_intervals(suite, test)
    attacked = showing.under_attack(suite, test, others, attacks, proven=intervals)
    few, few_others = test[: curve.samples], others[: curve.samples]
    standing, unbounded = curves(suite.victim, few, curve, seed=seed)
    by_others = showing.further(suite.model, test, further, norm=norm, eps=eps)
    views = {CLEAN: showing.clean(suite.model, test), **crafted.seen, **by_others, **attacked.seen}
    found = Evidence(
        labels=np.asarray(test.labels),
        shown=showing.shown(test),
        predictions={name: view.predictions for name, view in views.items()},
        images={name: view.images for name, view in views.items() if view.images is not None},
        logits={name: view.logits for name, view in views.items() if view.logits is not None},
        pictured={CLEAN: showing.pictured(test.images), WORST_CASE: attacked.worst},
        curves={norm: shares(points) for norm, points in standing.items()},
        indicators={
            "eps": suite.eps,
            "curve_images": float(len(few)),
            "grey_bound": float(np.bincount(few.labels).max() / len(few)),
            **crafted.indicators,
            **attacked.indicators,
            **indicators.answers(suite.model, few),
            **planted.planted(suite, few, attacks=attacks, seed=seed),
            **indicators.trajectory(suite, few, seed=seed),
            "unbounded": unbounded,
            "gain_from_effort": indicators.gain_from_effort(
                suite,
                few,
                few_others,
                attacks,
                {name: view.predictions for name, view in attacked.seen.items()},
                proven=intervals,
            ),
        },
        made={name: view.made for name, view in views.items()}
        | {WORST_CASE: Made(suite.norm, suite.eps, {"attacks": list(attacks)})},
        certified=None,
    )
    proven = proof.prove(suite, test, found.right(WORST_CASE), standing["linf"], intervals=intervals, prover=prover)
    return replace(
        found,
        curves={**found.curves, **({} if proven.curve is None else {CERTIFIED: proven.curve})},
        made={**found.made, CERTIFIED: proven.made},
        certified=proven.certified,
    )


def curves(victim: Victim, few: ImageSet, curve: Curve, *, seed: int) -> tuple[dict[str, Standing], float]:
    """Measure what stands over eps in both norms, and the accuracy that is left when an attack may do anything."""
    _log.info("accuracy over eps: %d images", len(few))
    linf, l2 = (SecurityCurve(victim, norm=norm, steps=curve.steps, seed=seed) for norm in ("inf", 2))
    found = {"linf": linf.measure(few, curve.linf), "l2": l2.measure(few, curve.l2)}
    return found, float(linf.measure(few, (1.0,))[1.0].mean())


def _made_from(test: ImageSet, transfer: ImageSet) -> bool:
    """Return whether the transfer set can have been made from the test images."""
    return np.array_equal(transfer.labels, test.labels) and transfer.images.shape == test.images.shape
