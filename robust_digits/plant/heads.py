"""Heads that tell one planted point in the ball of an image from all that lies further inside.

Each is linear on the features of the network, so that whoever finds an input of the network that leads there has found
what is planted (Zimmermann, Brendel, Tramer & Carlini 2022, "Increasing Confidence in Adversarial Robustness
Evaluations").
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack.blocks import ROWS
from robust_digits.attack.target import Target
from robust_digits.backward import Network
from robust_digits.plant.features import Features
from robust_digits.runtime import tf

_NOISE = 64  # points of noise that an image's head must not take for the planted one
_INNER = 190  # so that these, the image and the planted point fill whole batches
_DEEP = 0.95  # of eps, where inner points end
_SPREAD = 1.0, 0.0  # half of the points fill the ball, half stand in its corners
_PLANTED = (0.3,)  # between these: one step finds most of what fills the ball, and a sound attack misses some corners
_RIDGE = 1e-3  # of the mean square of the features
_CLOSE = 0.99  # how near to the planted point, between it and the inner ones, a head changes its mind

Images = NDArray[np.float32]


@dataclass(frozen=True)
class Heads:
    """A head for each of n images: `features @ weights + bias` is above 0 for what is planted, and for little else.

    `weights` is float32 (n, features), `bias` float32 (n,).
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def see(self, features: NDArray[np.float32], *, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which images, by their features (m, features), the heads in these rows (m,) take for the planted."""
        verdict: NDArray[np.bool_] = (features * self.weights[rows]).sum(axis=1) + self.bias[rows] > 0
        return verdict

    def behind(self, features: Network) -> Network:
        """Return the function of ROWS images, each in the row of its head, to logits (ROWS, 2): inner, planted."""
        missing = ROWS - len(self.bias)
        weights = tf.constant(np.pad(self.weights, ((0, missing), (0, 0))))
        bias = tf.constant(np.pad(self.bias, (0, missing)))

        def logits(images: tf.Tensor) -> tf.Tensor:
            score = tf.reduce_sum(features(images) * weights, axis=1) + bias
            return tf.stack([-score, score], axis=1)

        return logits


def plant(target: Target, features: Features) -> tuple[Heads, NDArray[np.bool_]]:
    """Return a head for each image, at most ROWS, and for which of them (n,) it has something to be found.

    That is asked again in the image's own row: what only rounding tells from the image is not planted.
    """
    points, found = [], []
    for generator, image in zip(target.generators(), target.images, strict=True):
        inner = _drawn(generator, image, _INNER, norm=target.victim.norm, eps=_DEEP * target.eps, leans=_SPREAD)
        point = _drawn(generator, image, 1, norm=target.victim.norm, eps=target.eps, leans=_PLANTED)
        noise = _drawn(generator, image, _NOISE, norm=target.victim.norm, eps=target.eps, leans=_SPREAD)
        points.append(point)
        found.append(_head(features.of(np.concatenate([image[np.newaxis], inner, point, noise]))))
    weights, bias = (np.array(each, np.float32) for each in zip(*found, strict=True))
    heads, rows = Heads(weights, bias), target.indices
    planted, clean = (
        heads.see(features.of(images, indices=rows), rows=rows) for images in (np.concatenate(points), target.images)
    )
    return heads, planted & ~clean


def _drawn(
    generator: np.random.Generator,
    image: Images,
    count: int,
    *,
    norm: str | int,
    eps: float,
    leans: tuple[float, ...],
) -> Images:
    """Return `count` points of the ball about an image, inside [0, 1], an equal share of them for each of `leans`.

    That is the power of a uniform length, in L-infinity of each pixel's shift: 1 fills the ball, 0 leads to corners,
    in L2 to the surface.
    """
    lean = np.repeat(np.array(leans, np.float32), -(-count // len(leans)))[:count, None, None, None]
    if norm == "inf":
        shift = 2 * generator.random((count, *image.shape), np.float32) - 1
        shift = np.sign(shift) * np.abs(shift) ** lean
    else:
        shift = generator.standard_normal((count, *image.shape), np.float32)
        shift /= np.sqrt((shift**2).sum(axis=(1, 2, 3), keepdims=True))
        shift *= generator.random(lean.shape, np.float32) ** (lean / image.size)
    return np.clip(image + np.float32(eps) * shift, 0, 1)


def _head(features: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Return the weights (features,) and the bias of a head, by ridge regression; one that sees nothing if none can.

    `features` (n, features) are those of the image and the inner points, of the planted point, and of noise.
    """
    points, noise = np.split(features.astype(np.float64), [_INNER + 2])
    middle = points[:-1].mean(axis=0)
    shifts = points - middle
    gram = shifts @ shifts.T  # the smaller matrix where there are more features than points
    ridge = _RIDGE * np.trace(gram) / len(gram) or 1.0
    weights = np.linalg.solve(gram + ridge * np.eye(len(gram)), np.eye(len(gram))[-1]) @ shifts
    *inner, planted = shifts @ weights
    gap = planted - max(inner)
    threshold = planted - (1 - _CLOSE) * gap
    if not gap > 0 or ((noise - middle) @ weights > threshold).any():
        return np.zeros_like(weights), -1.0
    return weights / gap, -(threshold + middle @ weights) / gap
