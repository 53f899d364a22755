"""Judge one model on the test images: clean, under FGM from the baseline and from itself, by every attack, by proof.

Each function takes what it needs and returns what it found; none depends on another having been called, and every
attack draws from numbers of its own, so that their order changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack import fgm
from robust_digits.attack.classifier import Classifier
from robust_digits.attack.suite import STANDING, Found, Suite
from robust_digits.attack.table import ATTACKS, doubled
from robust_digits.certify import interval_bounds
from robust_digits.data import perturbation
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.judge.curves import SecurityCurve
from robust_digits.judge.evidence import Evidence, Made
from robust_digits.judge.settings import Curve
from robust_digits.judge.views import CERTIFIED, CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, WORST_CASE
from robust_digits.params import Section

Images = NDArray[np.float32]


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


@dataclass(frozen=True)
class Proof:
    """Which images (n,) are certified, and the share of the first ones over eps, (points, 2); None if nothing can be.

    `made` has the reason in that case.
    """

    certified: NDArray[np.bool_] | None
    curve: NDArray[np.float64] | None
    made: Made


def judge(  # what an evaluation is made of, all by keyword
    suite: Suite,
    test: ImageSet,
    transfer: ImageSet,
    *,
    norm: str | int,
    eps: float,
    attacks: Mapping[str, Section],
    curve: Curve,
    seed: int,
) -> Evidence:
    """Return everything that can be found of a model.

    `transfer` is the set that the stage `craft` made of these test images against the baseline, at `eps` in `norm`;
    `attacks` are run within `suite.eps` in L-infinity.

    Raises
    ------
    InputError
        If the transfer set was not made from the test images.
    """
    if not np.array_equal(transfer.labels, test.labels) or transfer.images.shape != test.images.shape:
        raise InputError("the adversarial test set was not crafted from this test set; `dvc repro` makes both")
    crafted = fast_gradient(suite.model, test, transfer, norm=norm, eps=eps)
    attacked = under_attack(suite, test, transfer, attacks)
    few, few_transfer = test[: curve.samples], transfer[: curve.samples]
    proof = prove(suite, test, linf=curve.linf, samples=curve.samples)
    measured, unbounded = curves(suite.model, few, curve, seed=seed)
    views = {CLEAN: clean(suite.model, test), **crafted.seen, **attacked.seen}
    return Evidence(
        labels=np.asarray(test.labels),
        shown=_shown(test),
        predictions={name: view.predictions for name, view in views.items()},
        images={name: view.images for name, view in views.items() if view.images is not None},
        logits={name: view.logits for name, view in views.items() if view.logits is not None},
        curves=measured | ({} if proof.curve is None else {CERTIFIED: proof.curve}),
        indicators={
            "eps": suite.eps,
            "curve_images": float(len(few)),
            "grey_bound": float(np.bincount(few.labels).max() / len(few)),
            **crafted.indicators,
            **attacked.indicators,
            **answers(suite.model, few),
            "unbounded": unbounded,
            "gain_from_effort": gain_from_effort(suite, few, few_transfer, attacks, attacked.seen),
        },
        made={name: view.made for name, view in views.items()}
        | {WORST_CASE: Made("inf", suite.eps, {"attacks": list(attacks)}), CERTIFIED: proof.made},
        certified=proof.certified,
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
        found = suite.attack(name, settings, few, np.asarray(transfer.images[: len(few)]))
        seen[name] = _see(suite.model, test, found.images, Made("inf", suite.eps, settings.model_dump()))
        standing |= _after_each_member(suite, name, few, found)
        sizes = perturbation.sizes(found.images - few.images, norm="inf")
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


def curves(
    classifier: Classifier, few: ImageSet, curve: Curve, *, seed: int
) -> tuple[dict[str, NDArray[np.float64]], float]:
    """Measure accuracy over eps in both norms, and the accuracy that is left when an attack may do anything."""
    linf, l2 = (SecurityCurve(classifier, norm=norm, steps=curve.steps, seed=seed) for norm in ("inf", 2))
    found = {"linf": linf.measure(few, curve.linf), "l2": l2.measure(few, curve.l2)}
    return found, float(linf.measure(few, (1.0,))[0, 1])


def prove(suite: Suite, test: ImageSet, *, linf: tuple[float, ...], samples: int) -> Proof:
    """Prove which test images no attack within `suite.eps` can break.

    The curve over eps is that of the first `samples` test images, as those of the attacks are.
    """
    network = suite.model.model
    reason = interval_bounds.unsupported(network)
    if reason is not None:
        return Proof(None, None, Made("inf", suite.eps, {"reason": reason}))
    few = test[:samples]
    shares = [(eps, float(interval_bounds.certified(network, few, eps=eps).mean())) for eps in linf]
    certified = interval_bounds.certified(network, test, eps=suite.eps)
    return Proof(certified, np.array(shares), Made("inf", suite.eps))


def answers(classifier: Classifier, few: ImageSet) -> dict[str, float]:
    """Measure whether the model's answers are what attacks need: logits, the same each time, with gradients."""
    images, labels = np.array(few.images), np.asarray(few.labels)
    outputs = classifier.predict(images)
    one_hot = np.eye(classifier.nb_classes, dtype=np.float32)[labels]
    gradients = np.abs(classifier.loss_gradient(images, one_hot)).reshape(len(few), -1).max(axis=1)
    sums_to_one = (outputs.min(axis=1) >= 0) & (np.abs(outputs.sum(axis=1) - 1) < 1e-3)  # noqa: PLR2004 (rounding)
    return {
        "zero_gradients": float(np.mean(~(gradients > 0))),  # NaN is none either
        "probabilities": float(np.mean(sums_to_one)),
        "difference_on_repeat": float(np.abs(outputs - classifier.predict(images)).max()),
    }


def gain_from_effort(
    suite: Suite, few: ImageSet, transfer: ImageSet, attacks: Mapping[str, Section], seen: Mapping[str, View]
) -> float:
    """Return the largest share of images that a search left standing and breaks with twice the effort.

    `seen` is what the attacks found before, of which `few` are the first images; `transfer` are those of `few`.
    """
    labels = np.asarray(few.labels)
    gains = [0.0]
    for name in (name for name in attacks if ATTACKS[name].search):
        left = np.flatnonzero(seen[name].predictions[: len(few)] == labels)
        if left.size:
            longer, few_left, transfer_left = doubled(attacks[name]), few[left], np.asarray(transfer.images[left])
            found = suite.attack(name, longer, few_left, transfer_left, indices=left).images
            gains.append(float((suite.model.predict(found).argmax(axis=1) != labels[left]).sum() / len(few)))
    return max(gains)


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
    """Return the accuracy that each member of an ensemble, and those before it, leave, as `after_<member>`."""
    right = suite.model.predict(np.asarray(few.images)).argmax(axis=1) == few.labels
    return {
        f"after_{member}": float(np.mean(right & ((found.by == STANDING) | (found.by > number))))
        for number, member in enumerate(ATTACKS[name].members)
    }


def _shown(test: ImageSet) -> NDArray[np.int64]:
    """Return the rows that pictures show: the first image of each class."""
    return np.unique(test.labels, return_index=True)[1]
