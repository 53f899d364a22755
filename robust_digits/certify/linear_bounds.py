"""Backward linear bounds (CROWN, Zhang et al. 2018): slower than boxes, and tighter.

How far a logit can lead another is followed backwards as a linear function of each layer's values. A box forgets which
values rise together; a linear function remembers it, but for where a ReLU bends: there two lines take its place, one
above and one below. Boxes in front of each ReLU say how far it can bend; they are made smaller in the same way.

The proof is of the network as it runs in float32, as that of boxes (boxes.py): each step adds what it can be off. That
counts one rounding of float32 more than there is, which is 2**29 times what is lost here, in float64.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robust_digits.certify.boxes import PROOF, Box, between, propagate, rounding
from robust_digits.certify.graph import Step, steps
from robust_digits.certify.interval_bounds import image_boxes, overflows
from robust_digits.certify.rounding import UNIT, gamma
from robust_digits.certify.rules import Affine, Rising
from robust_digits.data.images import ImageSet
from robust_digits.runtime import keras, tf

_FUNCTIONS = 512  # at a time


def certified(model: keras.Model, images: ImageSet, *, eps: float) -> NDArray[np.bool_]:
    """Return which images (n,) are proven to be classified right anywhere within `eps` (L-infinity) of them.

    As `interval_bounds.certified`, which proves in a moment most of what this does: ask it first.
    """
    network = steps(model)
    return np.array([_proven(network, image, eps=eps) for image in images.batches(1)], np.bool_)


def _proven(network: Sequence[Step], image: ImageSet, *, eps: float) -> bool:
    bounds = Bounds(network, image_boxes(image, eps=eps))
    return bounds.stands(int(image.labels[0])) or (bounds.tighten() and bounds.stands(int(image.labels[0])))


class Bounds:
    """What is known of the values of a network on its way from one image: their boxes, (1, ...), the image's first."""

    def __init__(self, network: Sequence[Step], image: Box) -> None:
        """Start from the boxes that intervals give."""
        self._network = network
        self.boxes = propagate(network, [image], PROOF)

    def stands(self, label: int) -> bool:
        """Return whether no logit can come up to the true one."""
        leads = np.delete(np.eye(int(self.boxes[-1].centre.shape[1])), label, axis=0)
        leads[:, label] = -1
        # Written so that it is false where a bound is not a number.
        return bool((self.highest(len(self._network), leads) < 0).all() and not overflows(self.boxes).numpy().any())

    def tighten(self) -> bool:
        """Make the boxes smaller in front of each ReLU behind another one; return whether there is any."""
        bent, found = {0: False}, False
        for number, (rule, takes) in enumerate(self._network, start=1):
            if _bends(rule) and bent[takes[0]]:
                self._tighten(takes[0])
                found = True
            bent[number] = isinstance(rule, Rising) or any(bent[taken] for taken in takes)
        return found

    def highest(self, number: int, functions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the most (m,) that linear functions of the value `number` can come to, by their weights (m, ...)."""
        parts = range(0, len(functions), _FUNCTIONS)
        return np.concatenate([self._highest(number, functions[start : start + _FUNCTIONS]) for start in parts])

    def _tighten(self, number: int) -> None:
        """Make a box smaller where 0 is in it, and all behind it."""
        box = self.boxes[number]
        low, high = ((box.centre + sign * box.radius).numpy().ravel() for sign in (-1, 1))
        unsure = np.flatnonzero((low < 0) & (high > 0))
        if not len(unsure):
            return
        units = np.zeros((2, len(unsure), len(low)))  # each as it is, for how high it can come, and turned round
        units[0, np.arange(len(unsure)), unsure], units[1, np.arange(len(unsure)), unsure] = 1, -1
        most = self.highest(number, units.reshape(-1, *box.centre.shape[1:])).reshape(2, -1)
        high[unsure], low[unsure] = np.minimum(high[unsure], most[0]), np.maximum(low[unsure], -most[1])
        ends = (tf.constant(end.reshape(box.centre.shape)) for end in (low, high))
        self.boxes = propagate(self._network[number:], [*self.boxes[:number], between(*ends)], PROOF)

    def _highest(self, number: int, functions: NDArray[np.float64]) -> NDArray[np.float64]:
        owed, most = {number: tf.constant(functions)}, tf.zeros(len(functions), PROOF.dtype)
        for at in range(number, 0, -1):
            if at not in owed:
                continue
            weights, (rule, takes) = owed.pop(at), self._network[at - 1]
            if isinstance(rule, Affine):
                added, back = _through_sums(rule, weights, [self.boxes[taken] for taken in takes])
            elif _bends(rule):
                added, back = _through_bend(rule, weights, self.boxes[takes[0]])
            else:
                added, back = _over(weights, self.boxes[at]), []
            most += added
            for taken, part in zip(takes, back, strict=False):
                owed[taken] = owed[taken] + part if taken in owed else part
        if 0 in owed:
            image = self.boxes[0]
            most += _over(owed[0], Box(image.centre, image.radius + UNIT * image.largest()))
        found: NDArray[np.float64] = most.numpy()
        return found


def _bends(rule: Affine | Rising) -> bool:
    """Return whether two lines can take the place of a function."""
    return isinstance(rule, Rising) and rule.slope is not None


def _through_sums(rule: Affine, weights: tf.Tensor, taken: Sequence[Box]) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Return what a constant and rounding add to functions of sums, and their weights of what the sums are made of."""
    kernel, constant, _ = rule.weights(PROOF.dtype)
    back = _back(rule, kernel, weights, [tuple(box.centre.shape[1:]) for box in taken])
    centre = tf.zeros_like(weights[:1]) + (0.0 if constant is None else constant)
    off = rounding(rule, taken) if rule.roundings else tf.zeros_like(centre)
    return _over(weights, Box(centre, off)), back


def _back(rule: Affine, kernel: tf.Tensor, weights: tf.Tensor, shapes: Sequence[tuple[int, ...]]) -> list[tf.Tensor]:
    """Return the weights of what sums are made of, given those of the sums: their gradient, wherever it is taken."""
    if rule.back is not None:
        return [rule.back(weights, kernel, shapes[0])]
    inputs = [tf.zeros((len(weights), *shape), PROOF.dtype) for shape in shapes]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        sums = rule.sums(inputs, kernel)
    back: list[tf.Tensor] = tape.gradient(sums, inputs, output_gradients=weights)
    return back


def _through_bend(rule: Rising, weights: tf.Tensor, box: Box) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Return what the lines about max(x, slope x) and rounding add to functions of it, and their weights of x.

    Above lies the line through both ends of the box, below one of the two lines that the function is made of.
    """
    low, high = box.centre - box.radius, box.centre + box.radius
    bend, top = (tf.maximum(end, rule.slope * end) for end in (low, high))
    rise = tf.where(high > low, (top - bend) / tf.where(high > low, high - low, 1.0), 1.0)
    below = tf.where(high > -low, tf.ones_like(low), rule.slope)
    # Weights above 0 take the line above, those below 0 the line below: their mean slope, and half the difference.
    added = _over(
        weights, Box((bend - rise * low) / 2, (bend - rise * low) / 2 + gamma(rule.roundings) * box.largest())
    )
    return added, [weights * ((rise + below) / 2) + tf.abs(weights) * ((rise - below) / 2)]


def _over(weights: tf.Tensor, box: Box) -> tf.Tensor:
    """Return the most (m,) that functions of weights (m, ...) come to in a box (1, ...)."""
    flat, absolute = (tf.reshape(each, (len(each), -1)) for each in (weights, tf.abs(weights)))
    centre, radius = (tf.reshape(each, (-1, 1)) for each in box)
    return (flat @ centre + absolute @ radius)[:, 0]
