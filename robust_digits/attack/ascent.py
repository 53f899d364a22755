"""Ascent of a loss inside a ball: AutoPGD, and projected gradient descent.

Croce & Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks",
algorithm 1; Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial Attacks". A whole ascent is one
compiled loop over a batch of one shape, and ends early when every image of it is broken.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robust_digits import backward
from robust_digits.attack import blocks
from robust_digits.attack.blocks import ROWS
from robust_digits.attack.losses import Loss
from robust_digits.backward import Network
from robust_digits.runtime import keras, tf

REACH = 2.5  # steps of plain PGD together are this many eps long, so that every place can be reached (Madry et al.)
_MOMENTUM = 0.25  # share of the last move that is made again
_RISING = 0.75  # share of steps that must lead up for a step size to be kept
_CHECKS = 0.22, 0.03, 0.06  # of all steps: until the first look at the step size, how much sooner each next, at least
_AUTO = 0.0  # in the place of a step size that is fixed
_TINY = 1e-12

Images = NDArray[np.float32]
Labels = NDArray[np.int64]
Indices = NDArray[np.int64]


class Trail(NamedTuple):
    """What an ascent left behind, one row an image.

    `images` are what broke the model, or where the loss was largest, float32 (n, height, width, channels); `first` and
    `last` the loss at the start and at the end, `best` the largest on the way, float32 (n,).
    """

    images: Images
    first: NDArray[np.float32]
    last: NDArray[np.float32]
    best: NDArray[np.float32]


class Ascent:
    """The ascent of one loss of one network in one norm, compiled once."""

    def __init__(self, model: keras.Model, loss: Loss, *, norm: str | int, slope: Network | None = None) -> None:
        """Take a Keras model that gives logits, a loss, and the norm of the ball, "inf" or 2.

        Gradients are those of the model, or of `slope`, which gives the same logits (adaptive attacks).
        """
        self._ask = _compile(slope or backward.network(model), loss, norm, model.input_shape[1:])

    def auto(  # all by keyword
        self,
        images: Images,
        labels: Labels,
        *,
        start: Images,
        eps: float,
        steps: int,
        targets: Labels | None = None,
        indices: Indices | None = None,
    ) -> Trail:
        """Climb by AutoPGD: from `start`, with momentum, the step size halved where it no longer leads up.

        `images` (n, height, width, channels) in [0, 1] are the middles of the balls of radius `eps`; `targets` (n,)
        the classes that a targeted loss leads to; `indices` (n,) say which of the test images they are.
        """
        rows = images, labels, labels if targets is None else targets, start
        return self._climb(rows, eps=eps, steps=steps, step=_AUTO, indices=indices)

    def plain(
        self,
        images: Images,
        labels: Labels,
        *,
        start: Images,
        eps: float,
        steps: int,
        indices: Indices | None = None,
    ) -> Trail:
        """Climb by steps of one size, 2.5 eps / steps."""
        rows = images, labels, labels, start
        return self._climb(rows, eps=eps, steps=steps, step=REACH * eps / steps, indices=indices)

    def _climb(
        self, rows: tuple[NDArray[Any], ...], *, eps: float, steps: int, step: float, indices: Indices | None
    ) -> Trail:
        told = tf.constant(eps, tf.float32), tf.constant(steps), tf.constant(step, tf.float32)
        return Trail(*blocks.ask(lambda *arrays: self._ask(*arrays, *told), *rows, indices=indices))


def random_start(generator: np.random.Generator, image: Images, *, norm: str | int, eps: float) -> Images:
    """Return a place for AutoPGD to start from: in a random direction, as far as eps and [0, 1] allow."""
    if norm == "inf":
        shift = generator.uniform(-1, 1, image.shape)
        shift /= np.abs(shift).max()
    else:
        shift = generator.standard_normal(image.shape)
        shift /= np.linalg.norm(shift)
    return np.clip(image + eps * shift, 0, 1).astype(np.float32)


def unit(directions: tf.Tensor, *, norm: str | int) -> tf.Tensor:
    """Return the steepest move of size 1 for gradients (n, height, width, channels): in L-infinity, their signs."""
    return tf.sign(directions) if norm == "inf" else directions / (_length(directions) + _TINY)


def numbers(gradients: tf.Tensor) -> tf.Tensor:
    """Return gradients with 0 for what is no number: a pixel that leads nowhere stays where it is."""
    return tf.where(tf.math.is_finite(gradients), gradients, 0.0)


def within(images: tf.Tensor, middles: tf.Tensor, eps: tf.Tensor, *, norm: str | int) -> tf.Tensor:
    """Return the images moved into the ball of radius `eps` about `middles`, and into [0, 1]."""
    if norm == "inf":
        return tf.clip_by_value(tf.clip_by_value(images, middles - eps, middles + eps), 0.0, 1.0)
    shift = images - middles
    length = _length(shift)
    return tf.clip_by_value(middles + shift * tf.minimum(1.0, eps / (length + _TINY)), 0.0, 1.0)


class _State(NamedTuple):
    """Where an ascent stands; one row an image, but for the counters."""

    at: tf.Tensor
    before: tf.Tensor
    gradient: tf.Tensor
    loss: tf.Tensor
    best: tf.Tensor
    best_gradient: tf.Tensor
    best_loss: tf.Tensor
    broke: tf.Tensor  # the images that broke the model
    standing: tf.Tensor
    step: tf.Tensor  # step size, (n, 1, 1, 1)
    rises: tf.Tensor  # steps that led up since the last look
    halved: tf.Tensor  # at the last look
    checked: tf.Tensor  # best loss at the last look
    since: tf.Tensor  # steps since the last look
    until: tf.Tensor  # steps between two looks


def _compile(network: Network, loss: Loss, norm: str | int, shape: tuple[int, ...]) -> Any:  # noqa: ANN401 (compiled)
    pictures, number = tf.TensorSpec((ROWS, *shape), tf.float32), tf.TensorSpec((), tf.float32)
    classes = tf.TensorSpec((ROWS,), tf.int64)

    def look(at: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(at)
            logits = network(at)
            value = loss(logits, labels, targets)
        slope = tape.gradient(value, at, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return value, numbers(slope), tf.argmax(logits, axis=1) == labels

    signature = [
        tf.TensorSpec((ROWS,), tf.bool),
        *(pictures, classes, classes, pictures),
        *(number, tf.TensorSpec((), tf.int32), number),
    ]

    @tf.function(input_signature=signature)
    def climb(  # noqa: PLR0917 (what an ascent is made of)
        real: tf.Tensor,
        middles: tf.Tensor,
        labels: tf.Tensor,
        targets: tf.Tensor,
        start: tf.Tensor,
        eps: tf.Tensor,
        steps: tf.Tensor,
        fixed: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        auto = fixed == _AUTO
        first, sooner, least = (tf.maximum(tf.cast(tf.cast(steps, tf.float32) * at, tf.int32), 1) for at in _CHECKS)
        value, slope, right = look(start, labels, targets)
        state = _State(
            at=start,
            before=start,
            gradient=slope,
            loss=value,
            best=start,
            best_gradient=slope,
            best_loss=value,
            broke=start,
            standing=right & real,
            step=tf.fill((ROWS, 1, 1, 1), tf.where(auto, 2.0 * eps, fixed)),
            rises=tf.zeros((ROWS,), tf.int32),
            halved=tf.ones((ROWS,), tf.bool),
            checked=value,
            since=tf.constant(0),
            until=first,
        )
        for i in tf.range(steps):
            if not tf.reduce_any(state.standing):
                break
            keep = tf.where(auto & (i > 0), _MOMENTUM, 0.0)
            state = _checked(_moved(state, middles, eps, keep, norm), look, labels, targets)
            if auto & (state.since == state.until):
                state = _halved(state, sooner, least)
        images = tf.where(state.standing[:, None, None, None], state.best, state.broke)
        return images, value, state.loss, state.best_loss

    return climb


def _moved(state: _State, middles: tf.Tensor, eps: tf.Tensor, keep: tf.Tensor, norm: str | int) -> _State:
    """Return the state after a step up, which goes on a share `keep` of the step before it."""
    up = within(state.at + state.step * unit(state.gradient, norm=norm), middles, eps, norm=norm)
    there = state.at + (up - state.at) * (1 - keep) + (state.at - state.before) * keep
    return state._replace(at=within(there, middles, eps, norm=norm), before=state.at)


def _checked(state: _State, look: Callable[..., Any], labels: tf.Tensor, targets: tf.Tensor) -> _State:
    """Return the state with the loss and the gradient where it stands, and with what is best so far."""
    value, slope, right = look(state.at, labels, targets)
    fell, better = state.standing & ~right, value > state.best_loss
    here, best = fell[:, None, None, None], better[:, None, None, None]
    return state._replace(
        gradient=slope,
        loss=value,
        best=tf.where(best, state.at, state.best),
        best_gradient=tf.where(best, slope, state.best_gradient),
        best_loss=tf.where(better, value, state.best_loss),
        broke=tf.where(here, state.at, state.broke),
        standing=state.standing & right,
        rises=state.rises + tf.cast(value > state.loss, tf.int32),
        since=state.since + 1,
    )


def _halved(state: _State, sooner: tf.Tensor, least: tf.Tensor) -> _State:
    """Return the state after a look at the step sizes: where one led nowhere it is halved, and the best place taken."""
    few = tf.cast(state.rises, tf.float32) <= _RISING * tf.cast(state.since, tf.float32)
    halve = few | (~state.halved & (state.checked >= state.best_loss))
    here = halve[:, None, None, None]
    return state._replace(
        at=tf.where(here, state.best, state.at),
        gradient=tf.where(here, state.best_gradient, state.gradient),
        step=tf.where(here, state.step / 2, state.step),
        rises=tf.zeros_like(state.rises),
        halved=halve,
        checked=state.best_loss,
        since=tf.zeros_like(state.since),
        until=tf.maximum(state.until - sooner, least),
    )


def _length(shift: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_sum(shift * shift, axis=[1, 2, 3], keepdims=True))
