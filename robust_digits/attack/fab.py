"""The Fast Adaptive Boundary attack, targeted.

Croce & Hein 2020, "Minimally distorted Adversarial Examples with a Fast Adaptive Boundary Attack". It walks along the
boundary between the true class and another, ever nearer to the image, and needs no eps: each step goes to the nearest
place where the network, taken for linear, changes its mind.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits import backward
from robust_digits.attack import blocks
from robust_digits.attack.ascent import numbers
from robust_digits.attack.blocks import ROWS
from robust_digits.runtime import keras, tf

Images = NDArray[np.float32]
Labels = NDArray[np.int64]

_BIAS = 0.1  # alpha_max: how far a step may lean towards the image
_OVERSHOOT = 1.05  # eta: how far beyond the boundary
_BACK = 0.9  # beta: how far back towards the image from a place that breaks the model
_NEWTON = 12  # steps to the size of a projection, which is piecewise linear: enough for random weights to 0.1%
_TINY = 1e-12
_NEVER = 1e10  # the size of a perturbation that was not found


class Fab:
    """The attack on one network in one norm, compiled once."""

    def __init__(self, model: keras.Model, *, norm: str | int) -> None:
        """Take a Keras model that gives logits, and the norm that is to be small, "inf" or 2."""
        self._ask = _compile(model, norm)

    def attack(  # all by keyword
        self,
        images: Images,
        labels: Labels,
        *,
        targets: Labels,
        eps: float,
        steps: int,
        indices: NDArray[np.int64] | None = None,
    ) -> Images:
        """Return the nearest images found that the model does not give their label, float32, whatever their distance.

        `images` (n, height, width, channels) in [0, 1] must be right; where nothing was found they are returned. The
        walk to an image ends with the first one within `eps`. `indices` (n,) say which of the test images they are.
        """
        told = tf.constant(eps, tf.float32), tf.constant(steps)
        return blocks.ask(lambda *arrays: self._ask(*arrays, *told), images, labels, targets, indices=indices)[0]


def nearest(points: tf.Tensor, normals: tf.Tensor, rise: tf.Tensor, *, norm: str | int) -> tf.Tensor:
    """Return the smallest moves that raise <normal, point> by `rise` with the points kept in [0, 1].

    `points`, `normals` and the result are (n, pixels), `rise` (n,); a negative one lowers. Where [0, 1] does not
    allow it, the move goes as far as it can. In L-infinity every pixel moves as far as the others, in L2 in proportion
    to its weight, until it reaches an end of [0, 1]; how far is found by Newton's method, which crosses at least one
    end a step; a move that needs more ends than it has steps falls short.
    """
    up = tf.where(rise >= 0, 1.0, -1.0)[:, None] * normals
    weights = tf.abs(up)
    room = tf.where(up > 0, 1.0 - points, points)
    speed = tf.ones_like(weights) if norm == "inf" else weights
    far = tf.zeros_like(rise)
    for _ in tf.range(_NEWTON):
        reach = speed * far[:, None]
        missing = tf.abs(rise) - tf.reduce_sum(weights * tf.minimum(reach, room), axis=1)
        slope = tf.reduce_sum(tf.where(reach < room, weights * speed, 0.0), axis=1)
        before, far = far, far + tf.where(slope > 0, tf.maximum(missing, 0.0) / tf.maximum(slope, _TINY), 0.0)
        if tf.reduce_all(far == before):  # and so after any more steps
            break
    return tf.sign(up) * tf.minimum(speed * far[:, None], room)


def _compile(model: keras.Model, norm: str | int) -> Any:  # noqa: ANN401 (compiled)
    shape = model.input_shape[1:]
    pictures, classes = tf.TensorSpec((ROWS, *shape), tf.float32), tf.TensorSpec((ROWS,), tf.int64)
    told = tf.TensorSpec((), tf.float32), tf.TensorSpec((), tf.int32)
    network = backward.network(model)

    def size(shift: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(shift, (len(shift), -1))
        return tf.reduce_max(tf.abs(flat), axis=1) if norm == "inf" else tf.norm(flat, axis=1)

    def lead(at: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return by how much the target leads the label, and the gradient of that."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(at)
            logits = network(at)
            found = tf.gather(logits, targets, axis=1, batch_dims=1) - tf.gather(logits, labels, axis=1, batch_dims=1)
        return found, numbers(tape.gradient(found, at, unconnected_gradients=tf.UnconnectedGradients.ZERO))

    def step(at: tf.Tensor, middles: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        behind, slope = lead(at, labels, targets)
        normals, here, image = (tf.reshape(each, (ROWS, -1)) for each in (slope, at, middles))
        # The same plane seen from the image: <normal, image> lacks this much more.
        further = tf.reduce_sum(normals * (here - image), axis=1)
        moves = nearest(
            tf.concat([here, image], 0),
            tf.concat([normals, normals], 0),
            tf.concat([-behind, further - behind], 0),
            norm=norm,
        )
        from_here, from_image = tf.split(tf.reshape(moves, (2 * ROWS, *shape)), 2)
        one, other = (tf.maximum(size(each), 1e-8) for each in (from_here, from_image))
        lean = tf.minimum(one / (one + other), _BIAS)[:, None, None, None]
        there = (at + _OVERSHOOT * from_here) * (1 - lean) + (middles + _OVERSHOOT * from_image) * lean
        return tf.clip_by_value(there, 0.0, 1.0)

    @tf.function(input_signature=[tf.TensorSpec((ROWS,), tf.bool), pictures, classes, classes, *told])
    def walk(  # noqa: PLR0917 (what a walk is made of)
        real: tf.Tensor, middles: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor, eps: tf.Tensor, steps: tf.Tensor
    ) -> tuple[tf.Tensor]:
        at, best, smallest = middles, middles, tf.where(real, _NEVER, 0.0)
        for _ in tf.range(steps):
            if not tf.reduce_any(smallest > eps):
                break
            at = step(at, middles, labels, targets)
            broken = tf.argmax(network(at), axis=1) != labels
            length = size(at - middles)
            nearer = broken & (length < smallest) & (smallest > eps)
            best = tf.where(nearer[:, None, None, None], at, best)
            smallest = tf.where(nearer, length, smallest)
            at = tf.where(broken[:, None, None, None], middles + (at - middles) * _BACK, at)
        return (best,)

    return walk
