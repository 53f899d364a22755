"""Linear functions of a network's values, followed backwards to the image (CROWN, Zhang et al. 2018).

A box forgets which values rise together; a linear function remembers it, but for where a ReLU bends: there two lines
take its place, one above and one below.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from robust_digits.certify.boxes import PROOF, Box, rounding
from robust_digits.certify.graph import Step
from robust_digits.certify.rounding import UNIT, gamma
from robust_digits.certify.rules import Affine, Reach, Rising
from robust_digits.certify.windows import Window
from robust_digits.runtime import tf

_MAP = 3  # rows, columns, channels


class Part(NamedTuple):
    """What functions are of one value: their weights (m, ...), of a whole map or of a window of it alone.

    `units` (m,) says which weight is the only one, where the others are 0.
    """

    weights: tf.Tensor
    window: Window | None = None
    units: tf.Tensor | None = None


def bends(rule: Affine | Rising) -> bool:
    """Return whether two lines can take the place of a function."""
    return isinstance(rule, Rising) and rule.slope is not None


def highest(network: Sequence[Step], boxes: Sequence[Box], weights: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Return the most (m,) that functions of a network's answer can come to, by their weights (m, ...).

    `boxes`, (n, ...), are those of the network's values, the image's first; `images` (m,) says in which of the n.
    """
    functions = _Functions(network, boxes, Part(weights), Rows(images))
    functions.follow()
    return functions.most()


def reached(
    network: Sequence[Step], boxes: Sequence[Box], number: int, units: tf.Tensor, images: tf.Tensor
) -> tf.Tensor:
    """Return the most that some units of the value `number`, by their indices (m,), can come to, and turned round.

    (2, m): what is at most -x turned round is at least x.
    """
    shape = tuple(boxes[number].centre.shape[1:])
    if len(shape) == _MAP:
        channels = shape[-1]
        weights = tf.one_hot(units % channels, channels, dtype=PROOF.dtype)[:, None, None]
        part, rows = Part(weights, Window.pixels(shape)), Rows(images, units // channels)
    else:
        weights = tf.one_hot(units, math.prod(shape), dtype=PROOF.dtype)
        part, rows = Part(tf.reshape(weights, (-1, *shape)), units=units), Rows(images)
    functions = _Functions(network[:number], boxes, part, rows)
    functions.follow(turned=False)
    return tf.reshape(functions.most(), (2, -1))


class Rows(NamedTuple):
    """Which image each function is about, (m,), and at which place its windows stand, if it has any."""

    images: tf.Tensor
    places: tf.Tensor | None = None


class _Functions:
    """Linear functions on their way back: what they are of values that are not followed yet, and what is added up."""

    def __init__(self, network: Sequence[Step], boxes: Sequence[Box], part: Part, rows: Rows) -> None:
        """Take functions of the value that the last step of `network` makes."""
        self._network, self._boxes, self._rows = network, boxes, rows
        self._owed = {len(network): part}
        nothing = tf.zeros(tf.shape(part.weights)[:1], PROOF.dtype)
        self._sums = Box(nothing, nothing)

    def most(self) -> tf.Tensor:
        """Return the most that they can come to, (m,)."""
        return self._sums.centre + self._sums.radius

    def follow(self, *, turned: bool = True) -> None:
        """Follow them to the image; where not `turned` yet, each as it is, and behind all of them each turned round.

        That makes no difference to sums, so they are turned round where the first of them bends.
        """
        for number in range(len(self._network), 0, -1):
            rule, takes = self._network[number - 1]
            if not turned and bends(rule) and number in self._owed:
                self._turn()
                turned = True
            if number in self._owed:
                part = self._owed.pop(number)
                for taken, back in zip(takes, self._through(rule, part, number), strict=False):
                    self._owe(taken, back)
        if 0 in self._owed:
            image = self._boxes[0]
            self._add(self._owed[0], image.centre, image.radius + UNIT * image.largest())
        if not turned:
            self._turn()

    def _turn(self) -> None:
        for number, (weights, window, _) in self._owed.items():
            self._owed[number] = Part(tf.concat([weights, -weights], axis=0), window)
        self._rows = Rows(*(None if each is None else tf.tile(each, (2,)) for each in self._rows))
        centre, radius = self._sums
        self._sums = Box(tf.concat([centre, -centre], axis=0), tf.tile(radius, (2,)))

    def _through(self, rule: Affine | Rising, part: Part, number: int) -> list[Part]:
        """Return what functions of a step's value are of the values that it takes; what it adds is added up."""
        taken = [self._boxes[each] for each in self._network[number - 1].takes]
        if isinstance(rule, Affine):
            return self._through_sums(rule, part, number, taken)
        if bends(rule):
            return [self._through_bend(rule, part, taken[0])]
        self._add(part, *self._boxes[number])
        return []

    def _through_sums(self, rule: Affine, part: Part, number: int, taken: Sequence[Box]) -> list[Part]:
        kernel, constant, _ = rule.weights(PROOF.dtype)
        shape, shapes = self._shape(number), [tuple(box.centre.shape[1:]) for box in taken]
        centre = None if constant is None else tf.broadcast_to(constant, (1, *shape))
        self._add(part, centre, rounding(rule, taken) if rule.roundings else None)
        if part.window is not None and rule.reach is not None:
            window, padding = part.window.through(rule.reach), {} if rule.back is None else {"padding": "VALID"}
            (weights,) = rule.backwards(part.weights, kernel, [(*window.size, shapes[0][-1])], **padding)
            inside = window.of(tf.ones((1, *shapes[0][:2], 1), PROOF.dtype))[0]  # what is not is nothing
            return [Part(weights * tf.gather(inside, self._rows.places), window)]
        if part.units is not None and rule.dense:
            weight = tf.reduce_sum(part.weights, axis=1, keepdims=True)
            return [Part(weight * tf.gather(tf.transpose(kernel), part.units))]
        units = part.units if rule.reach == Reach() else None  # each value by itself
        return [Part(back, None, units) for back in rule.backwards(self._whole(part, number).weights, kernel, shapes)]

    def _through_bend(self, rule: Rising, part: Part, box: Box) -> Part:
        """Return what functions of max(x, slope x) are of x; lines about it and its rounding are added up.

        Above lies the line through both ends of the box, below one of the two lines that the function is made of.
        """
        low, high = box.centre - box.radius, box.centre + box.radius
        bend, top = (tf.maximum(end, rule.slope * end) for end in (low, high))
        rise = tf.where(high > low, (top - bend) / tf.where(high > low, high - low, 1.0), 1.0)
        below = tf.where(high > -low, tf.ones_like(low), rule.slope)
        # Weights above 0 take the line above, those below 0 the line below: their mean, and half the difference.
        half = (bend - rise * low) / 2
        self._add(part, half, half + gamma(rule.roundings) * box.largest())
        mean, difference = (self._seen(part, each) for each in ((rise + below) / 2, (rise - below) / 2))
        return part._replace(weights=part.weights * mean + tf.abs(part.weights) * difference)

    def _seen(self, part: Part, values: tf.Tensor) -> tf.Tensor:
        """Return what there is of values (n, ...) where each function is, (m, ...); (1, ...) is the same for all."""
        if part.window is None:
            return values if values.shape[0] == 1 else tf.gather(values, self._rows.images)
        seen = part.window.of(values)
        places = self._rows.places
        if values.shape[0] != 1:
            places = places + len(part.window.corners) * self._rows.images
        return tf.gather(tf.reshape(seen, (-1, *seen.shape[2:])), places)

    def _add(self, part: Part, centre: tf.Tensor | None, radius: tf.Tensor | None) -> None:
        """Add up what functions come to in a box; None is 0."""
        straight, most = self._sums
        axes = tuple(range(1, len(part.weights.shape)))
        if centre is not None:
            straight += tf.reduce_sum(part.weights * self._seen(part, centre), axes)
        if radius is not None:
            most += tf.reduce_sum(tf.abs(part.weights) * self._seen(part, radius), axes)
        self._sums = Box(straight, most)

    def _owe(self, number: int, part: Part) -> None:
        """Let a part be of a value, beside what else is of it; a window as large as its map is none."""
        before = self._owed.get(number)
        if before is not None or (
            part.window is not None and math.prod(part.window.size) >= math.prod(self._shape(number)[:2])
        ):
            part = self._whole(part, number)
        if before is not None:
            part = Part(part.weights + self._whole(before, number).weights)
        self._owed[number] = part

    def _shape(self, number: int) -> tuple[int, ...]:
        shape: tuple[int, ...] = tuple(self._boxes[number].centre.shape[1:])
        return shape

    def _whole(self, part: Part, number: int) -> Part:
        """Return a part as one of the whole value."""
        if part.window is None:
            return part
        return Part(part.window.whole(part.weights, self._rows.places, self._shape(number)))
