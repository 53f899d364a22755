"""The attack that knows the detector: it looks for images that the model gets wrong and the detector takes for clean.

Projected gradient descent in L-infinity on model and detector at once. Where both losses are added up (Carlini & Wagner
2017, "Adversarial Examples Are Not Easily Detected"), one may drown the other; selective steps, which climb the one
that is not yet won, and orthogonal ones, which climb it without losing the other, do not have to be balanced
(Bryniarski et al. 2022, "Evading Adversarial Example Detection Defenses with Orthogonal Projected Gradient Descent").
Each way is tried from several starts. Of all places that all of them pass, the one is kept that the model gets wrong
with the lowest score: so it is the same attack whatever the threshold is.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robust_digits.arrays import perturbation
from robust_digits.attack import blocks, losses
from robust_digits.attack.ascent import numbers, unit, within
from robust_digits.attack.blocks import ROWS
from robust_digits.attack.target import Images, Target
from robust_digits.detect.detector import Detector, Look
from robust_digits.detect.settings import Evading
from robust_digits.runtime import tf

_FIRST, _LAST = 0.5, 0.005  # lengths of the first and the last step, in eps; between them they shrink evenly
_MOMENTUM = 0.75  # share of the last direction that is gone on with


class _Way(NamedTuple):
    """How a step is made of both gradients: by turns or added up, along each other or not, the score so heavy."""

    selective: bool = False
    orthogonal: bool = False
    weight: float = 0.0


_SELECTIVE, _ORTHOGONAL = _Way(selective=True), _Way(selective=True, orthogonal=True)


class Evasion:
    """The attack on one detector and its model, compiled once."""

    def __init__(self, detector: Detector) -> None:
        """Take the detector."""
        self._ask = _compile(detector.look, detector.shape)

    def attack(self, target: Target, settings: Evading, *, starts: Sequence[Images]) -> Images:
        """Return for each image what evades best; one that the model never gets wrong comes back as it was.

        Climbs begin at the images, at `starts`, each (n, height, width, channels), and at random places.

        Raises
        ------
        ValueError
            If the result leaves the ball of radius eps or [0, 1].
        """
        found, lowest = target.images.copy(), np.full(len(target.images), np.inf, np.float32)
        random = [target.starts(again) for again in range(settings.starts)]
        ways = [_SELECTIVE, _ORTHOGONAL, *(_Way(weight=weight) for weight in settings.weights)]
        for start in (target.images, *starts, *random):
            for way in ways:
                images, scores = self._climb(target, start, way, steps=settings.steps)
                better = scores < lowest
                found[better], lowest[better] = images[better], scores[better]
        perturbation.check(target.images, found, norm="inf", eps=target.eps)
        return found

    def _climb(self, target: Target, start: Images, way: _Way, *, steps: int) -> tuple[Images, NDArray[np.float32]]:
        told = tf.constant(target.eps, tf.float32), tf.constant(steps), *map(tf.constant, way)
        rows = target.images, target.labels, start
        images, scores = blocks.ask(lambda *arrays: self._ask(*arrays, *told), *rows, indices=target.indices)
        return images, scores


def _compile(look: Look, shape: tuple[int, ...]) -> Any:  # noqa: ANN401 (compiled)
    pictures, number, yes = (
        tf.TensorSpec((ROWS, *shape), tf.float32),
        tf.TensorSpec((), tf.float32),
        tf.TensorSpec((), tf.bool),
    )
    signature = [
        tf.TensorSpec((ROWS,), tf.bool),
        *(pictures, tf.TensorSpec((ROWS,), tf.int64), pictures),
        *(number, tf.TensorSpec((), tf.int32), yes, yes, number),
    ]

    @tf.function(input_signature=signature)
    def climb(  # noqa: PLR0917 (what an ascent is made of)
        real: tf.Tensor,  # noqa: ARG001 (as blocks ask)
        middles: tf.Tensor,
        labels: tf.Tensor,
        start: tf.Tensor,
        eps: tf.Tensor,
        steps: tf.Tensor,
        selective: tf.Tensor,
        orthogonal: tf.Tensor,
        weight: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        at = best = within(start, middles, eps, norm="inf")
        lowest, direction = tf.fill((ROWS,), np.float32(np.inf)), tf.zeros_like(start)
        for i in tf.range(steps + 1):
            wrong, score, up, down = _slopes(look, at, labels)
            better = wrong & (score < lowest)
            best, lowest = tf.where(_wide(better), at, best), tf.where(better, score, lowest)
            if orthogonal:
                up, down = _beside(up, down), _beside(down, up)
            toward = tf.where(_wide(wrong), down, up) if selective else up + weight * down
            direction = _MOMENTUM * direction + toward
            size = eps * _FIRST * (_LAST / _FIRST) ** (tf.cast(i, tf.float32) / tf.cast(steps, tf.float32))
            at = within(at + size * unit(direction, norm="inf"), middles, eps, norm="inf")
        return best, lowest

    return climb


def _slopes(look: Look, at: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return which images are wrong, their scores, and the directions, of length 1, to wrong classes and low scores."""
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(at)
        logits, score = look(at)
        lead = losses.margin(logits, labels, labels)

    def slope(loss: tf.Tensor) -> tf.Tensor:
        gradient = tape.gradient(loss, at, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return unit(numbers(gradient), norm=2)

    return tf.argmax(logits, axis=1) != labels, score, slope(lead), -slope(score)


def _beside(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """Return what is left of directions of length 1 without what they have of others, in length 1."""
    along = tf.reduce_sum(one * other, axis=[1, 2, 3], keepdims=True)
    return unit(one - along * other, norm=2)


def _wide(verdicts: tf.Tensor) -> tf.Tensor:
    return verdicts[:, None, None, None]
