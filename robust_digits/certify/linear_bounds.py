"""Backward linear bounds (CROWN, Zhang et al. 2018): slower than boxes, and tighter.

How far a logit can lead another is followed backwards to the image, as a linear function of each layer's values
(lines.py). Boxes in front of each ReLU say how far it can bend; they are made smaller in the same way.

The proof is of the network as it runs in float32, as that of boxes (boxes.py): each step adds what it can be off. That
counts one rounding of float32 more than there is, which is 2**29 times what is lost here, in float64.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.certify import lines
from robust_digits.certify.boxes import PROOF, Box, between, propagate
from robust_digits.certify.graph import Step, steps
from robust_digits.certify.interval_bounds import image_boxes, overflows
from robust_digits.certify.rules import Affine, Rising
from robust_digits.data.images import ImageSet
from robust_digits.runtime import keras, quiet, tf

_BATCH = 16  # images
_WEIGHTS = 2**21  # at a time, of functions of the largest value
_INDICES = tf.TensorSpec((None,), tf.int64)
Numbers = NDArray[np.float64]


class LinearBounds:
    """A network with everything compiled that its bounds need, for images of one shape.

    It is taken as it is: weights that change later are not seen.
    """

    def __init__(self, model: keras.Model, shape: tuple[int, ...]) -> None:
        """Compile a network, which must not be `interval_bounds.unsupported`, for images of `shape` (without n)."""
        network = [_fixed(step) for step in steps(model)]
        image = tf.TensorSpec((None, *shape), PROOF.dtype)
        self.propagate = _compiled(lambda image: propagate(network, [image], PROOF), Box(image, image))
        boxes = tf.nest.map_structure(_any_number, self.propagate.get_concrete_function().structured_outputs)
        self.rows = max(1, _WEIGHTS // max(math.prod(box.centre.shape[1:]) for box in boxes))  # functions at a time
        self.highest = _compiled(
            lambda boxes, leads, images: lines.highest(network, boxes, leads, images), boxes, boxes[-1].centre, _INDICES
        )
        self.tighten = [_Tightening(network, boxes, number, rows=self.rows) for number in _behind_bends(network)]

    def certified(self, images: ImageSet, *, eps: float) -> NDArray[np.bool_]:
        """Return which images (n,) are proven to be classified right anywhere within `eps` (L-infinity) of them.

        As `interval_bounds.certified`, which proves in a moment most of what this does: ask it first.
        """
        return np.concatenate([self._proven(batch, eps=eps) for batch in images.batches(_BATCH)])

    def _proven(self, batch: ImageSet, *, eps: float) -> NDArray[np.bool_]:
        bounds = Bounds(self, image_boxes(batch, eps=eps))
        proven = bounds.stand(batch.labels)
        left = np.flatnonzero(~proven)
        if len(left) and self.tighten:
            bounds.keep(left)
            bounds.tighten()
            proven[left] = bounds.stand(batch.labels[left])
        return proven


class Bounds:
    """What is known of the values of a network on its way from n images: their boxes, (n, ...), the image's first."""

    def __init__(self, network: LinearBounds, image: Box) -> None:
        """Start from the boxes that intervals give."""
        self._network = network
        self.boxes: list[Box] = network.propagate(image)

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Forget all images but some."""
        self.boxes = tf.nest.map_structure(lambda ends: tf.gather(ends, rows), self.boxes)

    def stand(self, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return in which boxes (n,) no logit can come up to the true one."""
        classes = self.boxes[-1].centre.shape[1]
        others = np.array([np.delete(np.arange(classes), label) for label in labels])
        leads = np.eye(classes)[others] - np.eye(classes)[labels][:, None]
        # Written so that it is false where a bound is not a number.
        stand: NDArray[np.bool_] = (self.highest(leads) < 0).all(axis=1) & ~overflows(self.boxes).numpy()
        return stand

    def highest(self, functions: Numbers) -> Numbers:
        """Return the most (n, m) that linear functions of the logits can come to, by their weights (n, m, classes)."""
        count, many, classes = functions.shape
        images = np.repeat(np.arange(count), many)
        flat, found = functions.reshape(-1, classes), np.zeros(count * many)
        for rows in _parts(np.arange(len(flat)), self._network.rows):
            found[rows] = self._network.highest(self.boxes, tf.constant(flat[rows]), tf.constant(images[rows])).numpy()
        return found.reshape(count, many)

    def tighten(self) -> None:
        """Make the boxes smaller in front of each ReLU behind another one."""
        for tightening in self._network.tighten:
            self.boxes = tightening(self.boxes)


class _Tightening:
    """What makes the boxes smaller of one value of a network, where 0 is in them, and those of all behind it."""

    def __init__(self, network: Sequence[Step], boxes: Sequence[Box], number: int, *, rows: int) -> None:
        """Compile it for a network whose boxes, (n, ...), are specified so, and for so many functions at a time."""
        self._number, self._rows = number, rows
        self._reached = _compiled(
            lambda boxes, units, images: lines.reached(network, boxes, number, units, images), boxes, _INDICES, _INDICES
        )
        self._onwards = _compiled(
            lambda boxes, low, high: propagate(network[number:], [*boxes, between(low, high)], PROOF),
            boxes[:number],
            *boxes[number],
        )

    def __call__(self, boxes: list[Box]) -> list[Box]:
        box = boxes[self._number]
        ends = [np.array(box.centre + sign * box.radius) for sign in (-1, 1)]
        low, high = (end.reshape(len(end), -1) for end in ends)
        unsure = np.argwhere((low < 0) & (high > 0))
        for rows in _parts(unsure, self._rows):
            images, units = rows.T
            most = self._reached(boxes, tf.constant(units), tf.constant(images)).numpy()
            high[images, units] = np.minimum(high[images, units], most[0])
            low[images, units] = np.maximum(low[images, units], -most[1])
        found: list[Box] = self._onwards(boxes[: self._number], *(tf.constant(end) for end in ends))
        return found


def _behind_bends(network: Sequence[Step]) -> list[int]:
    """Return the numbers of the values in front of a ReLU that stand behind another one, in order."""
    bent, found = {0: False}, []
    for number, (rule, takes) in enumerate(network, start=1):
        bent[number] = isinstance(rule, Rising) or any(bent[taken] for taken in takes)
        if lines.bends(rule) and bent[takes[0]] and takes[0] not in found:
            found.append(takes[0])
    return found


def _fixed(step: Step) -> Step:
    """Return a step whose weights, if it has any, are read once."""
    if not isinstance(step.rule, Affine):
        return step
    weights = step.rule.weights(PROOF.dtype)
    return step._replace(rule=replace(step.rule, weights=lambda _: weights))


def _compiled(function: Callable[..., Any], *specifications: Any) -> Any:  # noqa: ANN401 (TensorFlow has no types)
    """Return a function compiled for such arguments; it has run once, which is when TensorFlow warns."""
    compiled = tf.function(function, input_signature=specifications, autograph=False)
    with quiet():
        compiled(*tf.nest.map_structure(_nothing, specifications))
    return compiled


def _nothing(specification: tf.TensorSpec) -> tf.Tensor:
    return tf.zeros([size or 1 for size in specification.shape], specification.dtype)


def _any_number(values: tf.Tensor) -> tf.TensorSpec:
    """Return the specification of values (n, ...) for any n."""
    return tf.TensorSpec((None, *values.shape[1:]), values.dtype)


def _parts(values: NDArray[Any], size: int) -> list[NDArray[Any]]:
    """Return values (n, ...) in parts of a size at most."""
    return [values[start : start + size] for start in range(0, len(values), size)]
