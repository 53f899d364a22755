"""ART by itself: its own classifier and attacks, with its default batch size or the fastest."""

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from benchmarks import answer
from benchmarks.answer import Answer
from benchmarks.contenders import plain_keras
from benchmarks.contenders.plain_keras import Images
from benchmarks.inputs import CLASSES, REACH, SEED, SHAPE, Inputs

with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # that PyTorch is missing
    from art.attacks import evasion
    from art.estimators.classification import TensorFlowV2Classifier


def fgm(given: Inputs, size: str = "") -> Answer:
    """Craft with the Fast Gradient Method."""
    eps = given.sizes["eps"]
    return _attacked(given, size, lambda it, batch: evasion.FastGradientMethod(it, eps=eps, batch_size=batch))


def pgd(given: Inputs, size: str = "") -> Answer:
    """Projected gradient descent, from a random start."""
    eps, steps = given.sizes["eps"], given.sizes["steps"]
    told = {"eps": eps, "eps_step": REACH * eps / steps, "max_iter": steps, "num_random_init": 1, "verbose": False}
    return _attacked(given, size, lambda it, batch: evasion.ProjectedGradientDescent(it, batch_size=batch, **told))


def square(given: Inputs) -> Answer:
    """Square, whose every step asks three times."""
    told = {"eps": given.sizes["eps"], "max_iter": given.sizes["queries"], "p_init": 0.8, "verbose": False}
    return _attacked(given, "", lambda it, batch: evasion.SquareAttack(it, batch_size=batch, **told))


def _attacked(given: Inputs, size: str, attack: Callable[[Any, int], Any]) -> Answer:
    model = plain_keras.network(given)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, reduction="sum")
    classifier = TensorFlowV2Classifier(model, CLASSES, SHAPE, loss_object=loss, clip_values=(0.0, 1.0))
    found: list[Images] = []

    def work(batch: int) -> None:
        np.random.seed(SEED)  # noqa: NPY002 (where ART draws from)
        found[:] = [attack(classifier, batch).generate(given_images, given_labels)]

    given_images, given_labels = given.images, given.labels
    seconds, batch = answer.best(work, [int(size)] if size else given.batches)
    package = "adversarial-robustness-toolbox"
    return plain_keras.attacked(seconds, model, given, found[0], package=package, size=batch)
