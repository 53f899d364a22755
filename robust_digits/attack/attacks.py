"""The attacks: each takes images that the model gets right and returns the worst it finds near them.

A function has the name of its record in table.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack import pgd as pgd_attack
from robust_digits.attack.classifier import BATCH, Classifier, evasion
from robust_digits.attack.settings import Noise, Queries, Restarts, Steps
from robust_digits.attack.square import Square
from robust_digits.params import Section

Images = NDArray[np.float32]
_OVERSHOOT = 0.02  # how far DeepFool goes beyond the boundary, as in its paper; ART's own 1e-6 is lost in float32
_STARTS = 100  # noise images that HopSkipJump may start from


@dataclass(frozen=True)
class Target:
    """What an attack is given: a batch of images, their true labels, and the models to ask.

    `images` and `transfer`, the same images crafted against another model, are float32 (n, height, width, channels) in
    [0, 1]; `labels` int64 (n,). The adversarial images may be `eps` away in L-infinity. `model` ascends the
    cross-entropy, `margin` the margin of the same network, `probabilities` is the network with a softmax behind
    it; `square` asks `model`.
    """

    images: Images
    labels: NDArray[np.int64]
    transfer: Images
    eps: float
    model: Classifier
    margin: Classifier
    probabilities: Classifier
    square: Square
    generator: np.random.Generator

    def only(self, rows: NDArray[np.int64]) -> "Target":
        """Return the target with the named rows of its images."""
        return replace(self, images=self.images[rows], labels=self.labels[rows], transfer=self.transfer[rows])


def grey(target: Target, _: Section) -> Images:
    """Move every pixel towards 0.5: at eps 0.5 all images are the same grey, which no model can tell apart."""
    return _boxed(target, 0.5 - target.images)


def noise(target: Target, settings: Noise) -> Images:
    """Add uniform noise: what happens without an attacker."""

    def draw(standing: Target) -> Images:
        return _boxed(standing, target.generator.uniform(-target.eps, target.eps, standing.images.shape))

    return _again(target, draw, times=settings.draws)


def transfer(target: Target, _: Section) -> Images:
    """Take the transfer set, with every perturbation clipped to eps."""
    return _boxed(target, target.transfer - target.images)


def fgm(target: Target, _: Section) -> Images:
    """Step once along the sign of the gradient: the Fast Gradient Method (Goodfellow et al. 2015)."""
    return _generate(evasion.FastGradientMethod, target, eps=target.eps, eps_step=target.eps, batch_size=BATCH)


def bim(target: Target, settings: Steps) -> Images:
    """Step along the sign of the gradient: the Basic Iterative Method (Kurakin et al. 2017)."""
    return _ascend(target, target.model, steps=settings.steps, random_start=False)


def pgd(target: Target, settings: Restarts) -> Images:
    """Projected gradient descent on the cross-entropy from random starts (Madry et al. 2018)."""
    start = partial(_ascend, classifier=target.model, steps=settings.steps, random_start=True)
    return _again(target, start, times=settings.restarts)


def pgd_margin(target: Target, settings: Restarts) -> Images:
    """Projected gradient descent on the margin (Carlini & Wagner 2017), where the cross-entropy may have gone flat."""
    start = partial(_ascend, classifier=target.margin, steps=settings.steps, random_start=True)
    return _again(target, start, times=settings.restarts)


def square(target: Target, settings: Queries) -> Images:
    """Square (Andriushchenko et al. 2020), which needs no gradient."""
    return target.square.attack(
        target.images,
        target.labels,
        eps=target.eps,
        queries=settings.queries,
        generator=target.generator,
    )


def deepfool(target: Target, _: Section) -> Images:
    """DeepFool (Moosavi-Dezfooli et al. 2016): a small L2 perturbation to the nearest boundary."""
    return _generate(evasion.DeepFool, target, epsilon=_OVERSHOOT, batch_size=BATCH, verbose=False)


def jsma(target: Target, _: Section) -> Images:
    """Jacobian saliency map (Papernot et al. 2016): few pixels, each changed all the way."""
    attack = evasion.SaliencyMapMethod(target.model, theta=1.0, gamma=0.2, batch_size=BATCH, verbose=False)
    return _float32(attack.generate(target.images))  # towards a random class: labels would be targets


def universal(target: Target, _: Section) -> Images:
    """Universal perturbation (Moosavi-Dezfooli et al. 2017): one for all images of the batch."""
    return _generate(
        evasion.UniversalPerturbation,
        target,
        attacker_params={"verbose": False, "epsilon": _OVERSHOOT},
        eps=target.eps,
        max_iter=5,
        verbose=False,
    )


def virtual_adversarial(target: Target, _: Section) -> Images:
    """Virtual adversarial direction (Miyato et al. 2016), as long as the box's diagonal, then clipped to the box.

    It compares probabilities, so it is served the network with a softmax behind it.
    """
    diagonal = target.eps * np.sqrt(target.images[0].size)
    softmax = replace(target, model=target.probabilities)
    found = _generate(
        evasion.VirtualAdversarialMethod, softmax, eps=diagonal, finite_diff=0.1, max_iter=2, verbose=False
    )
    return _boxed(target, found - target.images)


def carlini_wagner(target: Target, _: Section) -> Images:
    """Carlini & Wagner's L2 attack (2017)."""
    return _generate(evasion.CarliniL2Method, target, max_iter=20, batch_size=BATCH, verbose=False)


def newtonfool(target: Target, _: Section) -> Images:
    """NewtonFool (Jang et al. 2017); it follows probabilities."""
    softmax = replace(target, model=target.probabilities)
    return _generate(evasion.NewtonFool, softmax, batch_size=BATCH, verbose=False)


def hopskipjump(target: Target, _: Section) -> Images:
    """HopSkipJump (Chen et al. 2020): sees the predicted class only.

    It starts from noise that the model takes for another class, drawn here because ART's own draw has no seed. An image
    for which there is none is left as it is.
    """
    starts = _float32(target.generator.random((_STARTS, *target.images.shape[1:])))
    classes = target.model.predict(starts).argmax(axis=1)
    elsewhere = classes[np.newaxis] != target.labels[:, np.newaxis]  # image, start
    found, rows = target.images.copy(), np.flatnonzero(elsewhere.any(axis=1))
    if rows.size:
        attack = evasion.HopSkipJump(target.model, norm=np.inf, max_iter=20, batch_size=BATCH, verbose=False)
        first = starts[elsewhere[rows].argmax(axis=1)]
        found[rows] = attack.generate(target.images[rows], target.labels[rows], x_adv_init=first)
    return found


def _again(target: Target, attack: Callable[[Target], Images], *, times: int) -> Images:
    """Attack up to `times` times, each time the images that the model still gets right."""
    found = target.images.copy()
    standing = np.arange(len(found))
    for _ in range(times):
        if not standing.size:
            break
        tried = attack(target.only(standing))
        found[standing] = tried
        standing = standing[target.model.predict(tried).argmax(axis=1) == target.labels[standing]]
    return found


def _ascend(target: Target, classifier: Classifier, *, steps: int, random_start: bool) -> Images:
    return pgd_attack.ascend(
        classifier,
        target.images,
        target.labels,
        norm="inf",
        eps=target.eps,
        steps=steps,
        random_start=random_start,
    )


def _generate(attack: Any, target: Target, **settings: Any) -> Images:  # noqa: ANN401 (ART's classes are untyped)
    return _float32(attack(target.model, **settings).generate(target.images, target.labels))


def _boxed(target: Target, shift: NDArray[np.floating[Any]]) -> Images:
    """Return the images moved by `shift`, as far as eps and [0, 1] allow."""
    return _float32(np.clip(target.images + np.clip(shift, -target.eps, target.eps), 0, 1))


def _float32(images: NDArray[Any]) -> Images:
    return images.astype(np.float32, copy=False)
