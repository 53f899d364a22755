"""Batches, models and steps of training for objectives."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack.classifier import Classifier, evasion
from robust_digits.data.images import ImageSet
from robust_digits.learn.objectives import METHODS, TrainingStep
from robust_digits.learn.recipe import Method
from robust_digits.runtime import keras, tf

Images = NDArray[np.float32]


EPS, SIDE, CLASSES = 0.2, 8, 5


NOW = {"steps": 4, "step": None, "weight": 0.25}


def training_step(
    *,
    eps: float = EPS,
    grown: float = 1.0,
    seed: tuple[int, int] = (3, 1),
    **changed: Any,  # noqa: ANN401 (fields of a step)
) -> TrainingStep:
    """Return what a step of training is told."""
    return TrainingStep(
        eps=tf.constant(eps, tf.float32),
        grown=tf.constant(grown, tf.float32),
        seed=tf.constant(seed, tf.int64),
        **(NOW | changed),
    )


def noise(count: int, *, side: int) -> ImageSet:
    """Return noise with pixels that are exactly 0 and 1 in it."""
    pixels = np.random.default_rng(0).uniform(-0.3, 1.3, (count, side, side, 1)).clip(0, 1).astype(np.float32)
    return ImageSet(pixels, np.arange(count) % CLASSES)


def started(images: ImageSet, now: TrainingStep) -> Images:
    """Return the random start of an attack, anywhere in the box."""
    noise = tf.random.stateless_uniform(images.images.shape, now.seed, -1.0, 1.0).numpy()
    begin: Images = np.clip(images.images + now.eps.numpy() * noise, 0, 1)
    return begin


@cache
def classifier(model: keras.Model) -> Classifier:
    """Return a model as ART's attacks see it, compiled once."""
    return Classifier(model)


def by_art(model: keras.Model, images: ImageSet, start: Images, *, steps: int, step: float, eps: float = EPS) -> Images:
    """Return where ART's projected gradient descent ends: as many steps, each so long, from the same start."""
    attack = evasion.ProjectedGradientDescentNumpy(
        classifier(model), norm=np.inf, eps=eps, eps_step=step, max_iter=steps, num_random_init=0, verbose=False
    )
    one_hot = np.eye(model.output_shape[-1], dtype=np.float32)[images.labels]
    moved = start.copy()
    for _ in range(steps):
        moved = attack._compute(  # noqa: SLF001 (a step of ART's own, which its `generate` starts elsewhere)
            moved, images.images, one_hot, None, eps, step, project=True, random_init=False
        )
    return moved


def losses(method: Method, model: keras.Model, images: ImageSet, now: TrainingStep) -> tuple[Images, Images]:
    """Return the losses (n,) of a method, and the logits that it tells accuracy by."""
    found = METHODS[method](model, tf.constant(images.images), tf.constant(images.labels), now)
    return found[0].numpy(), found[1].numpy()
