"""Boxes of numbers, and what a step of a network makes of them (interval bound propagation, Gowal et al. 2018).

Two arithmetics take the same way: `TRAINING` is float32, for a loss, and bounds the network as real numbers would run
it, but for its own rounding; `PROOF` is float64, and its boxes hold every number that the float32 network can come to
(rounding.py says what is assumed of it). There is no separate radius of errors: a box of calculated numbers becomes the
box of the next layer's calculated numbers, which is wider by that layer's own rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from robust_digits.certify.graph import Step
from robust_digits.certify.rounding import TINY, gamma
from robust_digits.certify.rules import Affine, Rising
from robust_digits.runtime import tf


class Box(NamedTuple):
    """The numbers from `centre` - `radius` to `centre` + `radius`, both (n, ...)."""

    centre: tf.Tensor
    radius: tf.Tensor

    def largest(self) -> tf.Tensor:
        """Return how large a number of the box can be, whatever its sign."""
        return tf.abs(self.centre) + self.radius


@dataclass(frozen=True)
class Arithmetic:
    """What bounds are calculated in, and whether they allow for what the network's own float32 rounds."""

    dtype: tf.DType
    sound: bool


TRAINING = Arithmetic(tf.float32, sound=False)
PROOF = Arithmetic(tf.float64, sound=True)


def between(low: tf.Tensor, high: tf.Tensor) -> Box:
    """Return the box with two ends."""
    return Box((low + high) / 2, (high - low) / 2)


def propagate(steps: Sequence[Step], boxes: Sequence[Box], arithmetic: Arithmetic) -> list[Box]:
    """Return the boxes of a network's values: those that there are, the image first, and those that steps make."""
    found = list(boxes)
    for rule, takes in steps:
        taken = [found[number] for number in takes]
        if isinstance(rule, Affine):
            found.append(_affine(rule, taken, arithmetic))
        else:
            found.append(_rising(rule, taken[0], arithmetic))
    return found


def rounding(rule: Affine, taken: Sequence[Box]) -> tf.Tensor:
    """Return how far the float32 network can be from the sums of numbers in the boxes `taken`, (n, ...).

    What bounds lose that are calculated of them in float64 is counted in.
    """
    kernel, _, terms = rule.weights(PROOF.dtype)
    lost = gamma(rule.roundings)
    sizes = rule.sums([lost * box.largest() + TINY for box in taken], _size(kernel, least=TINY))
    return sizes + lost * (0.0 if terms is None else terms) + rule.roundings * TINY


def _affine(rule: Affine, taken: Sequence[Box], arithmetic: Arithmetic) -> Box:
    """Return the box of sums: the radius grows with the absolute weights."""
    kernel, constant, terms = rule.weights(arithmetic.dtype)
    centre = rule.sums([box.centre for box in taken], kernel)
    radii = [box.radius for box in taken]
    rounded = arithmetic.sound and rule.roundings
    if rounded:
        lost = gamma(rule.roundings)
        radii = [box.radius + lost * box.largest() + TINY for box in taken]
    radius = rule.sums(radii, _size(kernel, least=TINY if rounded else 0.0))
    if constant is not None:
        centre += constant
    if rounded:
        radius += lost * (0.0 if terms is None else terms) + rule.roundings * TINY
    return Box(centre, radius)


def _rising(rule: Rising, box: Box, arithmetic: Arithmetic) -> Box:
    """Return the box between what becomes of the two ends."""
    given = between(rule.function(box.centre - box.radius), rule.function(box.centre + box.radius))
    return Box(given.centre, given.radius + _off(rule, given.largest())) if arithmetic.sound else given


def _off(rule: Rising, size: tf.Tensor) -> tf.Tensor:
    """Return how far off a function may be whose values have such a size."""
    return gamma(rule.roundings) * (tf.maximum(size, 1.0) if rule.absolute else size) + (TINY if rule.roundings else 0)


def _size(kernel: tf.Tensor | None, *, least: float = 0.0) -> tf.Tensor | None:
    return None if kernel is None else tf.abs(kernel) + least
