"""The attacks: each takes images that the model gets right and returns the worst it finds near them.

A function has the name of its record in table.py.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.arrays import perturbation
from robust_digits.attack import losses
from robust_digits.attack.ascent import Ascent
from robust_digits.attack.classifier import BATCH, evasion
from robust_digits.attack.losses import Loss
from robust_digits.attack.table import Noise, Queries, Restarts, Steps, Targets
from robust_digits.attack.target import Images, Target
from robust_digits.params import Section

_OVERSHOOT = 0.02  # how far DeepFool goes beyond the boundary, as in its paper; ART's own 1e-6 is lost in float32
_STARTS = 100  # noise images that HopSkipJump may start from


def grey(target: Target, _: Section) -> Images:
    """Move every pixel towards 0.5: at L-infinity eps 0.5 all images are one grey, which no model can tell apart."""
    return _in_ball(target, 0.5 - target.images)


def noise(target: Target, settings: Noise) -> Images:
    """Add uniform noise: what happens without an attacker."""

    def draw(standing: Target, again: int) -> Images:
        shape = standing.images.shape[1:]
        shifts = [each.uniform(-1, 1, shape) for each in standing.generators(again)]
        return _in_ball(standing, _stretched(standing, np.array(shifts)))

    return _again(target, draw, times=settings.draws)


def transfer(target: Target, _: Section) -> Images:
    """Take the transfer set, with every perturbation clipped to eps."""
    return _in_ball(target, target.transfer - target.images)


def fgm(target: Target, _: Section) -> Images:
    """Step once along the gradient: the Fast Gradient Method (Goodfellow et al. 2015)."""
    return target.step(target.victim.ascent(losses.cross_entropy), start=target.images, steps=1)


def bim(target: Target, settings: Steps) -> Images:
    """Step along the gradient, again and again: the Basic Iterative Method (Kurakin et al. 2017)."""
    return target.step(target.victim.ascent(losses.cross_entropy), start=target.images, steps=settings.steps)


def pgd(target: Target, settings: Restarts) -> Images:
    """Projected gradient descent on the cross-entropy from random starts (Madry et al. 2018)."""
    return _pgd(target, losses.cross_entropy, settings)


def pgd_margin(target: Target, settings: Restarts) -> Images:
    """Projected gradient descent on the margin (Carlini & Wagner 2017), where the cross-entropy may have gone flat."""
    return _pgd(target, losses.margin, settings)


def apgd_ce(target: Target, settings: Restarts) -> Images:
    """AutoPGD on the cross-entropy (Croce & Hein 2020)."""
    return _apgd(target, target.victim.ascent(losses.cross_entropy), settings)


def apgd_t(target: Target, settings: Targets) -> Images:
    """AutoPGD on the difference of logits ratio towards one class after another (Croce & Hein 2020)."""
    ascent = target.victim.ascent(losses.targeted_logits_ratio)

    def climb(standing: Target, again: int) -> Images:
        towards, start = _ranked(standing)[:, again], standing.starts(again)
        return standing.climb(ascent, targets=towards, start=start, steps=settings.steps)

    return _again(target, climb, times=min(settings.targets, target.model.nb_classes - 1))


def fab_t(target: Target, settings: Targets) -> Images:
    """Walk along the boundary to one class after another: the Fast Adaptive Boundary attack (Croce & Hein 2020)."""
    found, classes = target.images.copy(), _ranked(target)
    size = np.full(len(found), np.inf)
    for again in range(min(settings.targets, classes.shape[1])):
        standing = np.flatnonzero(size > target.eps)
        if not standing.size:
            break
        these = target.only(standing)
        tried = these.victim.fab.attack(
            these.images,
            these.labels,
            targets=classes[standing, again],
            eps=these.eps,
            steps=settings.steps,
            indices=these.indices,
        )
        length = perturbation.sizes(tried - these.images, norm=these.victim.norm)
        nearer = ~these.right(tried) & (length < size[standing])
        found[standing[nearer]], size[standing[nearer]] = tried[nearer], length[nearer]
    return found


def square(target: Target, settings: Queries) -> Images:
    """Square (Andriushchenko et al. 2020), which needs no gradient."""
    return target.victim.square.attack(
        target.images,
        target.labels,
        eps=target.eps,
        queries=settings.queries,
        generators=target.generators(),
        indices=target.indices,
    )


def adaptive(target: Target, settings: Restarts) -> Images:
    """AutoPGD on the difference of logits ratio, its gradients passing the thresholds in front of a network.

    Where there are none, the gradients are the network's own.
    """
    return _apgd(target, target.victim.ascent(losses.logits_ratio, adaptive=True), settings)


def deepfool(target: Target, _: Section) -> Images:
    """DeepFool (Moosavi-Dezfooli et al. 2016): a small L2 perturbation to the nearest boundary."""
    return _generate(evasion.DeepFool, target, epsilon=_OVERSHOOT, batch_size=BATCH, verbose=False)


def jsma(target: Target, _: Section) -> Images:
    """Jacobian saliency map (Papernot et al. 2016): few pixels, each changed all the way."""
    attack = evasion.SaliencyMapMethod(target.model, theta=1.0, gamma=0.2, batch_size=BATCH, verbose=False)
    return _float32(attack.generate(target.images))  # towards a random class: labels would be targets


def universal(target: Target, _: Section) -> Images:
    """Universal perturbation (Moosavi-Dezfooli et al. 2017): one for all images of the block, found image by image."""
    attack = evasion.UniversalPerturbation(
        target.victim.single,
        attacker_params={"verbose": False, "epsilon": _OVERSHOOT},
        eps=target.eps,
        max_iter=5,
        verbose=False,
    )
    return _float32(attack.generate(target.images, target.labels))


def virtual_adversarial(target: Target, _: Section) -> Images:
    """Virtual adversarial direction (Miyato et al. 2016), as long as the box's diagonal, then clipped to the box.

    It compares probabilities, so it is served the network with a softmax behind it.
    """
    diagonal = target.eps * np.sqrt(target.images[0].size)
    attack = evasion.VirtualAdversarialMethod(
        target.victim.probabilities, eps=diagonal, finite_diff=0.1, max_iter=2, batch_size=BATCH, verbose=False
    )
    found = attack.generate(target.images, target.labels)
    return _in_ball(target, found - target.images)


def carlini_wagner(target: Target, _: Section) -> Images:
    """Carlini & Wagner's L2 attack (2017)."""
    return _generate(evasion.CarliniL2Method, target, max_iter=20, batch_size=BATCH, verbose=False)


def newtonfool(target: Target, _: Section) -> Images:
    """NewtonFool (Jang et al. 2017); it follows probabilities."""
    attack = evasion.NewtonFool(target.victim.probabilities, batch_size=BATCH, verbose=False)
    return _float32(attack.generate(target.images, target.labels))


def hopskipjump(target: Target, _: Section) -> Images:
    """HopSkipJump (Chen et al. 2020): sees the predicted class only.

    It starts from noise that the model takes for another class, drawn here because ART's own draw has no seed. An image
    for which there is none is left as it is.
    """
    starts = _float32(target.generators()[0].random((_STARTS, *target.images.shape[1:])))
    classes = target.model.predict(starts).argmax(axis=1)
    elsewhere = classes[np.newaxis] != target.labels[:, np.newaxis]  # image, start
    found, rows = target.images.copy(), np.flatnonzero(elsewhere.any(axis=1))
    if rows.size:
        attack = evasion.HopSkipJump(target.model, norm=np.inf, max_iter=20, batch_size=BATCH, verbose=False)
        first = starts[elsewhere[rows].argmax(axis=1)]
        found[rows] = attack.generate(target.images[rows], target.labels[rows], x_adv_init=first)
    return found


def _pgd(target: Target, loss: Loss, settings: Restarts) -> Images:
    def climb(standing: Target, again: int) -> Images:
        return standing.step(standing.victim.ascent(loss), start=standing.starts(again), steps=settings.steps)

    return _again(target, climb, times=settings.restarts)


def _apgd(target: Target, ascent: Ascent, settings: Restarts) -> Images:
    def climb(standing: Target, again: int) -> Images:
        return standing.climb(ascent, start=standing.starts(again), steps=settings.steps)

    return _again(target, climb, times=settings.restarts)


def _ranked(target: Target) -> NDArray[np.int64]:
    """Return the wrong classes of each image, (n, classes - 1), the likeliest first."""
    logits = target.logits(target.images)
    order = logits.argsort(axis=1, kind="stable")[:, ::-1]
    ranked: NDArray[np.int64] = order[order != target.labels[:, None]].reshape(len(logits), logits.shape[1] - 1)
    return ranked


def _again(target: Target, attack: Callable[[Target, int], Images], *, times: int) -> Images:
    """Attack up to `times` times, each time the images that the model still gets right."""
    found = target.images.copy()
    standing: NDArray[np.int64] = np.arange(len(target.images))
    for again in range(times):
        if not standing.size:
            break
        these = target.only(standing)
        found[standing] = attack(these, again)
        standing = standing[these.right(found[standing])]
    return found


def _generate(attack: Any, target: Target, **settings: Any) -> Images:  # noqa: ANN401 (ART's classes are untyped)
    return _float32(attack(target.model, **settings).generate(target.images, target.labels))


def _in_ball(target: Target, shift: NDArray[np.floating[Any]]) -> Images:
    """Return the images moved by `shift`, as far as eps and [0, 1] allow."""
    if target.victim.norm == "inf":
        return _float32(np.clip(target.images + np.clip(shift, -target.eps, target.eps), 0, 1))
    length = perturbation.sizes(shift, norm=target.victim.norm)
    share = np.minimum(1, target.eps / np.maximum(length, 1e-12))[:, None, None, None]
    return _float32(np.clip(target.images + shift * share, 0, 1))


def _stretched(target: Target, shift: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return shifts of pixels in [-1, 1] as large as the ball."""
    if target.victim.norm == "inf":
        return shift * target.eps
    length = perturbation.sizes(shift, norm=target.victim.norm)
    stretched: NDArray[np.floating[Any]] = shift * (target.eps / length)[:, None, None, None]
    return stretched


def _float32(images: NDArray[Any]) -> Images:
    return images.astype(np.float32, copy=False)
