"""Judge one model on the test images: clean, on the transfer set, white-box, and by every attack."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack import fgm, perturbation
from robust_digits.attack.attacks import UNBOUNDED
from robust_digits.attack.settings import doubled
from robust_digits.attack.suite import Suite
from robust_digits.certify import interval_bounds
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.judge.curves import accuracy, security_curve
from robust_digits.judge.evidence import CERTIFIED, CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, Evidence
from robust_digits.params import Section

Images = NDArray[np.float32]
_SEARCHES = {"bim", "pgd", "pgd_margin", "square"}  # attacks that find more the longer they look


class Trial:
    """The evaluation of one model; each method adds to the evidence, in the order in which they are called."""

    def __init__(self, suite: Suite, test: ImageSet, old: ImageSet) -> None:
        """Take the attacks on a model, the test images, and the transfer set, made from these test images.

        Raises
        ------
        InputError
            If the transfer set was not made from the test images.
        """
        if not np.array_equal(old.labels, test.labels) or old.images.shape != test.images.shape:
            raise InputError("the adversarial test set was not crafted from this test set; `dvc repro` makes both")
        self._suite, self._test, self._old = suite, test, old
        self._shown = np.unique(test.labels, return_index=True)[1]  # the first image of each class
        self._predictions: dict[str, NDArray[np.int64]] = {}
        self._images: dict[str, Images] = {}
        self._logits: dict[str, Images] = {}
        self._curves: dict[str, NDArray[np.float64]] = {}
        self._certified: NDArray[np.bool_] | None = None
        self._indicators: dict[str, float] = {"eps": suite.eps}
        self._see(CLEAN, test.images)

    def tutorial(self, *, norm: str | int, eps: float) -> None:
        """See the transfer set, the tutorial's number, and the same attack crafted again against this very model."""
        self._see(FGM_TRANSFER, self._old.images)
        fresh = fgm.craft(self._suite.model, self._test, norm=norm, eps=eps, what=FGM_WHITE_BOX)
        self._see(FGM_WHITE_BOX, np.concatenate([batch.images for batch in fresh]))
        sizes = perturbation.sizes(self._old.images - self._test.images, norm=norm)
        self._indicators |= {"transfer_eps": eps, "transfer_size": float(sizes.max())}

    def attack(self, attacks: Mapping[str, Section]) -> None:
        """Run the attacks of the suite, each on all test images or on the first `samples` of its settings."""
        largest, beyond, idle = [], [], 0
        for name, settings in attacks.items():
            count = min(getattr(settings, "samples", len(self._test)), len(self._test))
            few = self._test[:count]
            found = self._suite.attack(name, settings, few, np.asarray(self._old.images[:count]))
            self._see(name, found)
            sizes = perturbation.sizes(found - few.images, norm="inf")
            largest.append(sizes.max())
            beyond += [-found.min(), found.max() - 1]
            standing = (self._predictions[CLEAN][:count] == few.labels).any()
            idle += int(standing and name not in UNBOUNDED and not sizes.any())
        if attacks:
            # np.max, because a NaN is not to be lost
            self._indicators |= {
                "largest_perturbation": float(np.max(largest)),
                "beyond_range": max(float(np.max(beyond)), 0.0),
                "idle_attacks": float(idle),
            }

    def curve(self, *, linf: Sequence[float], l2: Sequence[float], steps: int, samples: int, seed: int) -> None:
        """Measure accuracy over eps in both norms on the first `samples` test images."""
        few = self._test[:samples]
        self._indicators["grey_bound"] = float(np.bincount(few.labels).max() / len(few))
        for name, norm, sizes in (("linf", "inf", linf), ("l2", 2, l2)):
            self._curves[name] = security_curve(self._suite.model, few, norm=norm, sizes=sizes, steps=steps, seed=seed)

    def certify(self, *, linf: Sequence[float], samples: int) -> str | None:
        """Prove which test images no attack can break; return why that cannot be done, if it cannot.

        The curve over eps is that of the first `samples` test images, as those of the attacks are.
        """
        network = self._suite.model.model
        reason = interval_bounds.unsupported(network)
        if reason is None:
            few = self._test[:samples]
            self._certified = interval_bounds.certified(network, self._test, eps=self._suite.eps)
            shares = [(eps, float(interval_bounds.certified(network, few, eps=eps).mean())) for eps in linf]
            self._curves[CERTIFIED] = np.array(shares)
        return reason

    def probe(self, attacks: Mapping[str, Section], *, steps: int, samples: int, seed: int) -> None:
        """Measure what shows whether the evaluation itself works, on the first `samples` test images.

        `attacks` have been run before; those that search are run again, with twice the effort, on what they left.
        """
        model, few = self._suite.model, self._test[:samples]
        images, labels = np.array(few.images), np.asarray(few.labels)
        outputs = model.predict(images)
        one_hot = np.eye(model.nb_classes, dtype=np.float32)[labels]
        gradients = np.abs(model.loss_gradient(images, one_hot)).reshape(len(few), -1).max(axis=1)
        sums_to_one = (outputs.min(axis=1) >= 0) & (np.abs(outputs.sum(axis=1) - 1) < 1e-3)  # noqa: PLR2004 (rounding)
        gains = [0.0]
        for name in sorted(_SEARCHES & attacks.keys()):
            left = np.flatnonzero(self._predictions[name][:samples] == labels)
            if left.size:
                found = self._suite.attack(name, doubled(attacks[name]), few[left], np.asarray(self._old.images[left]))
                gains.append(float((model.predict(found).argmax(axis=1) != labels[left]).sum() / len(few)))
        self._indicators |= {
            "zero_gradients": float(np.mean(~(gradients > 0))),  # NaN is none either
            "probabilities": float(np.mean(sums_to_one)),
            "difference_on_repeat": float(np.abs(outputs - model.predict(images)).max()),
            "unbounded": accuracy(model, few, norm="inf", eps=1.0, steps=steps, seed=seed),
            "gain_from_effort": max(gains),
        }

    def evidence(self) -> Evidence:
        """Return everything found."""
        return Evidence(
            labels=np.asarray(self._test.labels),
            shown=self._shown,
            predictions=self._predictions,
            images=self._images,
            logits=self._logits,
            curves=self._curves,
            indicators=self._indicators,
            certified=self._certified,
        )

    def _see(self, view: str, images: Images) -> None:
        logits = self._suite.model.predict(images)
        self._predictions[view] = logits.argmax(axis=1)
        if len(images) > self._shown.max():
            self._images[view] = np.asarray(images[self._shown])
            self._logits[view] = logits[self._shown]
