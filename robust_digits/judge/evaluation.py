"""Judge one model on the test images: clean, under FGM from the baseline and from itself, by every attack, by proof.

Each function takes what it needs and returns what it found; none depends on another having been called, and every
attack draws from numbers of its own, so that their order changes nothing.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack import fgm
from robust_digits.attack.classifier import Classifier
from robust_digits.attack.suite import STANDING, Found, Suite
from robust_digits.attack.table import ATTACKS
from robust_digits.attack.target import Victim
from robust_digits.data import perturbation
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.judge import indicators, proof
from robust_digits.judge.curves import SecurityCurve
from robust_digits.judge.evidence import Evidence, Made
from robust_digits.judge.settings import Curve
from robust_digits.judge.views import CERTIFIED, CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, WORST_CASE, after, label
from robust_digits.params import Section
from robust_digits.plant import planted

Images = NDArray[np.float32]
_log = logging.getLogger(__name__)  # silent but for a command that shows it
_PICTURES = 10  # images, each of a class, that are kept to be shown


@dataclass(frozen=True)
class View:
    """What a model answered in one view: the predicted class of each image, and what is shown of a few.

    `predictions` is int64 (m,), the first m test images; `images` and `logits` are of the rows that pictures show,
    (k, height, width, channels) and (k, classes), or None where the view lacks one of them.
    """

    predictions: NDArray[np.int64]
    images: Images | None
    logits: Images | None
    made: Made


@dataclass(frozen=True)
class Views:
    """The views that some attacks made, by name, and the indicators measured on the way."""

    seen: Mapping[str, View]
    indicators: Mapping[str, float] = field(default_factory=dict)


def judge(  # what an evaluation is made of, all by keyword
    suite: Suite,
    test: ImageSet,
    transfer: ImageSet | None = None,
    *,
    norm: str | int = "inf",
    eps: float = 0.0,
    attacks: Mapping[str, Section],
    curve: Curve,
    seed: int,
) -> Evidence:
    """Return everything that can be found of a model.

    `transfer` is the set that the stage `craft` made of these test images against the baseline, at `eps` in `norm`;
    without one, neither it nor the same attack against this very model is looked at. `attacks` are run within
    `suite.eps` in `suite.norm`.

    Raises
    ------
    InputError
        If the transfer set was not made from the test images.
    ValueError
        If there is none, and the attack `transfer` is to be run.
    """
    if transfer is None and "transfer" in attacks:
        raise ValueError("expected a transfer set for the attack `transfer`, got none")
    if transfer is not None and not _made_from(test, transfer):
        raise InputError("the adversarial test set was not crafted from this test set; `dvc repro` makes both")
    crafted = Views({}) if transfer is None else fast_gradient(suite.model, test, transfer, norm=norm, eps=eps)
    others = test if transfer is None else transfer  # no attack but `transfer` looks at them
    attacked = under_attack(suite, test, others, attacks)
    few, few_others = test[: curve.samples], others[: curve.samples]
    measured, unbounded = curves(suite.victim, few, curve, seed=seed)
    views = {CLEAN: clean(suite.model, test), **crafted.seen, **attacked.seen}
    found = Evidence(
        labels=np.asarray(test.labels),
        shown=_shown(test),
        predictions={name: view.predictions for name, view in views.items()},
        images={name: view.images for name, view in views.items() if view.images is not None},
        logits={name: view.logits for name, view in views.items() if view.logits is not None},
        curves=measured,
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
                suite, few, few_others, attacks, {name: view.predictions for name, view in attacked.seen.items()}
            ),
        },
        made={name: view.made for name, view in views.items()}
        | {WORST_CASE: Made(suite.norm, suite.eps, {"attacks": list(attacks)})},
        certified=None,
    )
    proven = proof.prove(suite, test, found.right(WORST_CASE), linf=curve.linf, samples=curve.samples)
    return replace(
        found,
        curves={**found.curves, **({} if proven.curve is None else {CERTIFIED: proven.curve})},
        made={**found.made, CERTIFIED: proven.made},
        certified=proven.certified,
    )


def clean(classifier: Classifier, test: ImageSet) -> View:
    """Show the model the test images as they are."""
    return _see(classifier, test, test.images, Made())


def fast_gradient(classifier: Classifier, test: ImageSet, transfer: ImageSet, *, norm: str | int, eps: float) -> Views:
    """Show the model the transfer set, the tutorial's number, and the same attack crafted against this very model."""
    own = fgm.craft(classifier, test, norm=norm, eps=eps, what=FGM_WHITE_BOX)
    made = Made(norm, eps)
    seen = {
        FGM_TRANSFER: _see(classifier, test, transfer.images, made),
        FGM_WHITE_BOX: _see(classifier, test, np.concatenate([batch.images for batch in own]), made),
    }
    sizes = perturbation.sizes(transfer.images - test.images, norm=norm)
    return Views(seen, {"transfer_eps": eps, "transfer_size": float(sizes.max())})


def under_attack(suite: Suite, test: ImageSet, transfer: ImageSet, attacks: Mapping[str, Section]) -> Views:
    """Run the attacks, each on all test images or on the first `samples` of its settings."""
    seen: dict[str, View] = {}
    largest, beyond, idle = [], [], 0
    standing: dict[str, float] = {}
    for name, settings in attacks.items():
        few = test[: getattr(settings, "samples", len(test))]
        _log.info("%s: %d images", label(name, suite.eps), len(few))
        found = suite.attack(name, settings, few, np.asarray(transfer.images[: len(few)]))
        seen[name] = _see(suite.model, test, found.images, Made(suite.norm, suite.eps, settings.model_dump()))
        standing |= _after_each_member(suite, name, few, found)
        sizes = perturbation.sizes(found.images - few.images, norm=suite.norm)
        largest.append(sizes.max())
        beyond += [-found.images.min(), found.images.max() - 1]
        if ATTACKS[name].bounded and not sizes.any():
            right = suite.model.predict(np.asarray(few.images)).argmax(axis=1) == few.labels
            idle += int(right.any())
    if not attacks:
        return Views(seen)
    return Views(
        seen,
        {  # np.max, because a NaN is not to be lost
            "largest_perturbation": float(np.max(largest)),
            "beyond_range": max(float(np.max(beyond)), 0.0),
            "idle_attacks": float(idle),
            **standing,
        },
    )


def curves(victim: Victim, few: ImageSet, curve: Curve, *, seed: int) -> tuple[dict[str, NDArray[np.float64]], float]:
    """Measure accuracy over eps in both norms, and the accuracy that is left when an attack may do anything."""
    _log.info("accuracy over eps: %d images", len(few))
    linf, l2 = (SecurityCurve(victim, norm=norm, steps=curve.steps, seed=seed) for norm in ("inf", 2))
    found = {"linf": linf.measure(few, curve.linf), "l2": l2.measure(few, curve.l2)}
    return found, float(linf.measure(few, (1.0,))[0, 1])


def _see(classifier: Classifier, test: ImageSet, images: Images, made: Made) -> View:
    """Return what the model answers when it is shown `images`, made of the first test images."""
    logits = classifier.predict(images)
    rows = _shown(test)
    whole = len(images) > rows.max()
    return View(
        predictions=logits.argmax(axis=1),
        images=np.asarray(images[rows]) if whole else None,
        logits=logits[rows] if whole else None,
        made=made,
    )


def _after_each_member(suite: Suite, name: str, few: ImageSet, found: Found) -> dict[str, float]:
    """Return the accuracy that each member of an ensemble, and those before it, leave."""
    right = suite.model.predict(np.asarray(few.images)).argmax(axis=1) == few.labels
    return {
        after(name, member): float(np.mean(right & ((found.by == STANDING) | (found.by > number))))
        for number, member in enumerate(ATTACKS[name].members)
    }


def _made_from(test: ImageSet, transfer: ImageSet) -> bool:
    """Return whether the transfer set can have been made from the test images."""
    return np.array_equal(transfer.labels, test.labels) and transfer.images.shape == test.images.shape


def _shown(test: ImageSet) -> NDArray[np.int64]:
    """Return the rows that pictures show: the first image of each class, of as many classes as fit into one."""
    return np.unique(test.labels, return_index=True)[1][:_PICTURES]
