"""CleverHans on TensorFlow: from the environment of the peers, on the TensorFlow and Keras of this project."""

import os
import sys
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from benchmarks import answer
from benchmarks.answer import Answer
from benchmarks.contenders import plain_keras
from benchmarks.contenders.plain_keras import Images
from benchmarks.inputs import REACH, Inputs

sys.path.append(os.environ["BENCH_PEERS"])  # behind this project's own, and only where its packages are wanted
from cleverhans.tf2.attacks.fast_gradient_method import fast_gradient_method
from cleverhans.tf2.attacks.projected_gradient_descent import projected_gradient_descent

_BOX = {"clip_min": 0.0, "clip_max": 1.0}


def fgm(given: Inputs) -> Answer:
    """Craft with the Fast Gradient Method."""
    eps = given.sizes["eps"]
    return _attacked(given, lambda model, x, y: fast_gradient_method(model, x, eps, np.inf, y=y, **_BOX))


def pgd(given: Inputs) -> Answer:
    """Projected gradient descent, from a random start."""
    eps, steps = given.sizes["eps"], given.sizes["steps"]
    move = REACH * eps / steps
    return _attacked(
        given,
        lambda model, x, y: projected_gradient_descent(model, x, eps, move, steps, np.inf, y=y, rand_init=True, **_BOX),
    )


def _attacked(given: Inputs, attack: Callable[[keras.Model, tf.Tensor, tf.Tensor], tf.Tensor]) -> Answer:
    model, images, labels = plain_keras.network(given), given.images, given.labels
    found: list[Images] = []

    def work(size: int) -> None:
        starts = range(0, len(images), size)
        parts = [(tf.constant(images[at : at + size]), tf.constant(labels[at : at + size])) for at in starts]
        found[:] = [np.concatenate([attack(model, *part).numpy() for part in parts])]

    seconds, size = answer.best(work, given.batches)
    return plain_keras.attacked(seconds, model, given, found[0], package="cleverhans", size=size)
