"""The Square attack (Andriushchenko et al. 2020, "Square Attack: a query-efficient black-box attack").

It asks the model for outputs only, so it sees what attacks by gradient miss: random squares of a perturbation that
always fills the ball, one query an image and step, kept where the margin of the true class shrinks. Every image has
squares of its own; the questions are compiled.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack import blocks, losses
from robust_digits.attack.blocks import ROWS
from robust_digits.runtime import keras, tf

Images = NDArray[np.float32]
Labels = NDArray[np.int64]

SHARE = 0.8  # of the pixels that the first squares cover; the paper's p for MNIST and CIFAR-10
_PAUSE = 100  # queries between two looks at which images still stand
_HALVED_AFTER = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # the paper's for 10,000 queries, AutoAttack's for any
_SMALLEST = {"inf": 1, 2: 3}  # side of a square; in L2 an odd one, with a middle
_TILES = 5  # a side, that the first perturbation in L2 is made of
_TINY = 1e-12


class Square:
    """The attack on one model in one norm, whose questions are compiled once."""

    def __init__(self, model: keras.Model, *, norm: str | int) -> None:
        """Take a Keras model that gives logits, and the norm of the ball, "inf" or 2."""
        self._norm = norm
        self._look, self._ask = _compile(model, norm)

    def attack(  # all by keyword
        self,
        images: Images,
        labels: Labels,
        *,
        eps: float,
        queries: int,
        generators: Sequence[np.random.Generator],
        indices: NDArray[np.int64] | None = None,
    ) -> Images:
        """Return the best images found within `eps` of `images` (n, height, width, channels) in [0, 1].

        `labels` (n,) are the true classes; every image draws from its own of the `generators`. An image that is broken
        is left alone from then on. `indices` (n,) say which of the test images they are.
        """
        shape = images.shape[1:]
        indices = np.arange(len(images)) if indices is None else indices
        first = stripes if self._norm == "inf" else tiles
        shifts = np.array([first(generator, shape, eps) for generator in generators], np.float32).reshape(images.shape)
        best = np.clip(images + shifts, 0, 1)
        (margins,) = blocks.ask(self._look, best, labels, indices=indices)
        for start in range(0, queries - 1, _PAUSE):  # the first perturbation was a query
            standing = np.flatnonzero(margins <= 0)
            if not standing.size:
                break
            sides = [side(i, shape, self._norm) for i in range(start, min(start + _PAUSE, queries - 1))]
            drawn = [_draw(generators[row], np.array(sides), shape) for row in standing]
            places, signs = (np.stack(each) for each in zip(*drawn, strict=True))
            told = tf.constant(eps, tf.float32), tf.constant(sides), _patterns(sides, self._norm)
            state = images[standing], labels[standing], best[standing], margins[standing], places, signs
            best[standing], margins[standing] = blocks.ask(
                lambda *arrays, told=told: self._ask(*arrays, *told), *state, indices=indices[standing]
            )
        return best


def side(query: int, shape: Sequence[int], norm: str | int) -> int:
    """Return the side of the squares in a query: their area halves after fixed numbers of queries."""
    height, width, _ = shape
    area = SHARE / 2 ** sum(query > after for after in _HALVED_AFTER) * height * width
    least = _SMALLEST[norm]
    chosen = max(round(area**0.5), least)
    if least > 1 and chosen % 2 == 0:
        chosen += 1
    return int(min(chosen, height, width))


def stripes(generator: np.random.Generator, shape: Sequence[int], eps: float) -> Images:
    """Return the first perturbation in L-infinity: a stripe of one sign in every column."""
    signs: Images = generator.choice(np.array([-eps, eps], np.float32), (1, *shape[1:]))
    return np.broadcast_to(signs, shape)


def tiles(generator: np.random.Generator, shape: Sequence[int], eps: float) -> Images:
    """Return the first perturbation in L2: a grid of tiles, each a hill beside a valley, of size `eps` together."""
    height, width, channels = shape
    length = max(min(height, width) // _TILES, 1)
    pattern = hills(length)
    shift = np.zeros(shape, np.float32)
    for top in range((height - length * _TILES) // 2 % length, height - length + 1, length):
        for left in range((width - length * _TILES) // 2 % length, width - length + 1, length):
            turned = pattern if generator.random() < 1 / 2 else pattern.T
            signs = generator.choice(np.array([-1, 1], np.float32), channels)
            shift[top : top + length, left : left + length] = turned[:, :, None] * signs
    return shift * np.float32(eps / (np.linalg.norm(shift) + _TINY))


def hills(length: int) -> Images:
    """Return a tile of size 1 in L2: a hill in its upper half, a valley of the same shape in its lower one."""
    upper = _hill(length // 2, length)
    tile = np.concatenate([upper, -_hill(length - length // 2, length)])
    return np.asarray(tile / np.linalg.norm(tile), np.float32)


def _hill(height: int, width: int) -> NDArray[np.float64]:
    """Return a hill of the paper: boxes on boxes around the middle, the wider the lower."""
    hill = np.zeros((height, width))
    top, left = height // 2, width // 2
    for level in range(max(top, left) + 1):
        hill[max(top, 0) : max(top, 0) + 2 * level + 1, max(left, 0) : max(left, 0) + 2 * level + 1] += (
            level + 1.0
        ) ** -2
        top, left = top - 1, left - 1
    length = np.linalg.norm(hill)
    return hill / length if length else hill


def _draw(
    generator: np.random.Generator, sides: NDArray[np.int64], shape: Sequence[int]
) -> tuple[NDArray[np.int64], Images]:
    """Return what an image draws for some queries: two places (queries, 4: row, column, row, column) and signs.

    The signs (queries, channels + 1) are of the channels, and whether a tile is turned.
    """
    room = np.stack([shape[0] - sides + 1, shape[1] - sides + 1] * 2, axis=1)
    places = generator.integers(0, room)
    signs = generator.choice(np.array([-1, 1], np.float32), (len(sides), shape[-1] + 1))
    return places, signs


def _patterns(sides: Sequence[int], norm: str | int) -> tf.Tensor:
    """Return the tile of each query in L2, (queries, side, side) padded with zeros; in L-infinity there is none."""
    if norm == "inf":
        return tf.zeros((len(sides), 1, 1))
    largest = max(sides)
    tables = np.zeros((len(sides), largest, largest), np.float32)
    for table, length in zip(tables, sides, strict=True):
        table[:length, :length] = hills(length)
    return tf.constant(tables)


def _compile(model: keras.Model, norm: str | int) -> Any:  # noqa: ANN401 (two compiled functions)
    """Return the compiled questions: how far the model is wrong, and some queries, keeping what leads further."""
    shape = model.input_shape[1:]
    pictures, classes = tf.TensorSpec((ROWS, *shape), tf.float32), tf.TensorSpec((ROWS,), tf.int64)
    real = tf.TensorSpec((ROWS,), tf.bool)
    tried = _square if norm == "inf" else _tile

    def lead(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return losses.margin(model(images, training=False), labels, labels)

    @tf.function(input_signature=[real, pictures, classes])
    def look(real: tf.Tensor, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor]:  # noqa: ARG001 (as blocks ask)
        return (lead(images, labels),)

    signature = [
        *(real, pictures, classes, pictures, tf.TensorSpec((ROWS,), tf.float32)),
        *(tf.TensorSpec((ROWS, None, 4), tf.int64), tf.TensorSpec((ROWS, None, shape[-1] + 1), tf.float32)),
        *(
            tf.TensorSpec((), tf.float32),
            tf.TensorSpec((None,), tf.int32),
            tf.TensorSpec((None, None, None), tf.float32),
        ),
    ]

    @tf.function(input_signature=signature)
    def ask(  # noqa: PLR0917 (what a query is made of)
        real: tf.Tensor,
        clean: tf.Tensor,
        labels: tf.Tensor,
        best: tf.Tensor,
        margins: tf.Tensor,
        places: tf.Tensor,
        signs: tf.Tensor,
        eps: tf.Tensor,
        sides: tf.Tensor,
        patterns: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        margins = tf.where(real, margins, 1.0)
        for query in tf.range(tf.shape(sides)[0]):
            if not tf.reduce_any(margins <= 0):
                break
            drawn = tf.cast(places[:, query], tf.int32), signs[:, query], sides[query], patterns[query]
            new = tried(clean, best, eps, *drawn)
            found = lead(new, labels)
            better = (found > margins) & (margins <= 0)
            best = tf.where(better[:, None, None, None], new, best)
            margins = tf.where(better, found, margins)
        return best, margins

    return look, ask


def _square(  # noqa: PLR0917 (as _tile)
    clean: tf.Tensor,
    best: tf.Tensor,
    eps: tf.Tensor,
    places: tf.Tensor,
    signs: tf.Tensor,
    side: tf.Tensor,
    _: tf.Tensor,
) -> tf.Tensor:
    """Return the best images with a square of each moved to one corner of the ball: the step in L-infinity."""
    inside = _inside(clean, places[:, :2], side)
    shift = eps * signs[:, None, None, :-1]
    new = tf.where(inside, tf.clip_by_value(clean + shift, 0.0, 1.0), best)
    # A square that changes nothing is drawn again; of two signs, that leaves the other one.
    same = tf.reduce_all(new == best, axis=[1, 2, 3], keepdims=True)
    return tf.where(same & inside, tf.clip_by_value(clean - shift, 0.0, 1.0), new)


def _tile(  # noqa: PLR0917 (as _square)
    clean: tf.Tensor,
    best: tf.Tensor,
    eps: tf.Tensor,
    places: tf.Tensor,
    signs: tf.Tensor,
    side: tf.Tensor,
    pattern: tf.Tensor,
) -> tf.Tensor:
    """Return the best images with the perturbation of one place carried to another: the step in L2.

    What lies in the second window, and what the clipping to [0, 1] left unused, goes into a tile in the first one.
    """
    shift = best - clean
    here, there = _inside(clean, places[:, :2], side), _inside(clean, places[:, 2:], side)
    used = tf.reduce_sum(shift**2, axis=[1, 2, 3], keepdims=True)
    windows = tf.reduce_sum(tf.where(here | there, shift**2, 0.0), axis=[1, 2], keepdims=True)
    old = tf.where(here, shift, 0.0)
    old /= tf.sqrt(tf.reduce_sum(old**2, axis=[1, 2], keepdims=True)) + _TINY
    new = _placed(pattern, clean, places[:, :2], side, turned=signs[:, -1] > 0) * signs[:, None, None, :-1] + old
    new = tf.where(here, new, 0.0)
    new /= tf.sqrt(tf.reduce_sum(new**2, axis=[1, 2], keepdims=True)) + _TINY
    channels = float(clean.shape[-1])
    new *= tf.sqrt(tf.maximum(eps**2 - used, 0.0) / channels + windows)
    moved = tf.where(here, new, tf.where(there, 0.0, shift))
    length = tf.sqrt(tf.reduce_sum(moved**2, axis=[1, 2, 3], keepdims=True))
    return tf.clip_by_value(clean + moved * (eps / (length + _TINY)), 0.0, 1.0)


def _placed(
    pattern: tf.Tensor, images: tf.Tensor, corners: tf.Tensor, side: tf.Tensor, *, turned: tf.Tensor
) -> tf.Tensor:
    """Return a tile of each image at its corner, (n, height, width, 1), 0 around it."""
    down = tf.clip_by_value(tf.range(images.shape[1])[None, :] - corners[:, :1], 0, side - 1)
    across = tf.clip_by_value(tf.range(images.shape[2])[None, :] - corners[:, 1:], 0, side - 1)
    upright = tf.gather(tf.gather(pattern, down), across, axis=2, batch_dims=1)
    lying = tf.gather(tf.gather(tf.transpose(pattern), down), across, axis=2, batch_dims=1)
    return tf.where(turned[:, None, None], lying, upright)[..., None]


def _inside(images: tf.Tensor, corners: tf.Tensor, side: tf.Tensor) -> tf.Tensor:
    """Return which pixels lie in each image's square: bool (n, height, width, 1)."""
    down = tf.range(images.shape[1])[None, :] - corners[:, :1]
    across = tf.range(images.shape[2])[None, :] - corners[:, 1:]
    rows, columns = (down >= 0) & (down < side), (across >= 0) & (across < side)
    return (rows[:, :, None] & columns[:, None, :])[..., None]
