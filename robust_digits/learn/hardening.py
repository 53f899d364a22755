"""Harden a network: train it against attacks on itself, watched by an attack that it does not train on."""

import math
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.certify import tight
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.learn.checkpoint import Checkpoint, State
from robust_digits.learn.losses import categorical_crossentropy
from robust_digits.learn.objectives import METHODS, Losses, TrainingStep
from robust_digits.learn.recipe import Recipe
from robust_digits.learn.robust_validation import FIRST, compiled_robust_validation
from robust_digits.learn.training import (
    DECIMALS,
    Epoch,
    Progress,
    compiled_epoch,
    compiled_validation,
    divergence,
)
from robust_digits.runtime import keras, tf

FOOLED = 4  # times as many images stand under one step as under many: it has learnt to fool the single step only
_CHANCE = 0.05  # of the way from the share of the largest class to 1: what a model that learnt nothing may reach


@dataclass(frozen=True)
class HardenedEpoch(Epoch):
    """What one epoch left; `accuracy` is of the images that the method counts: moved, clean (TRADES), at worst (IBP).

    `validation_fgm` and `validation_pgd` are accuracies under one step and under many, at the full radius, on the
    first validation images.
    """

    validation_fgm: float
    validation_pgd: float

    def __str__(self) -> str:
        """Return the line that a person reads."""
        return f"{super().__str__()}; one step {self.validation_fgm:.4f}, PGD {self.validation_pgd:.4f}"


class Hardening:
    """A training on its way: the model, its optimizer, what was found, and the best weights so far."""

    def __init__(self, model: keras.Model, train: ImageSet, validation: ImageSet, recipe: Recipe, *, seed: int) -> None:
        """Start from the model's weights, or from others where the recipe keeps boxes tight; it must give logits.

        `seed` draws those, the order of the images and the random starts of the attacks.
        """
        if recipe.tighten is not None:
            tight.draw(model, seed=seed)
        self._model, self._recipe, self._seed, self._count = model, recipe, seed, len(train)
        shares = _shares(len(train), recipe)
        self._grown = np.interp(shares, recipe.ramp, (0.0, 1.0)).astype(np.float32)
        points = np.array(recipe.schedule)
        multipliers = np.interp(shares, points[:, 0], points[:, 1])
        self._optimizer = keras.optimizers.Adam(_Rates(recipe.learning_rate * multipliers), global_clipnorm=recipe.clip)
        self._step_through = compiled_epoch(model, train, self._losses, self._optimizer, recipe.batch_size)
        self._validate = compiled_validation(model, validation, categorical_crossentropy)
        self._validate_robustly = compiled_robust_validation(model, validation, eps=recipe.eps, seed=seed)
        self._validated = min(FIRST, len(validation))
        self._chance = float(np.bincount(validation.labels).max() / len(validation))
        self._best = [variable.numpy() for variable in model.weights]
        self.history: list[HardenedEpoch] = []
        self.seconds = 0.0

    def run(self, state: Path) -> None:
        """Train to the end, and leave the model with the weights of the epoch that `best` names.

        After each epoch everything is kept in `state`; an interrupted run goes on from there, to the same bytes.

        Raises
        ------
        InputError
            If the model diverges, or if it collapses or learns nothing and the recipe does not allow it.
        """
        kept = Checkpoint(state)
        self._resume(kept)
        progress = Progress(len(self.history) + 1, self._recipe.epochs, what="hardening")
        for number in progress:
            if self._settled():
                break
            started = time.monotonic()
            self._epoch(number)
            self.seconds += time.monotonic() - started
            progress.tell(self.history[-1])
            self._refuse_divergence(kept)
            self._refuse_collapse(kept)
            kept.save(self._state())  # last, so that a collapse is not resumed behind
        self._refuse_chance(kept)
        for variable, value in zip(self._model.weights, self._best, strict=True):
            variable.assign(value)
        kept.forget()

    def best(self) -> HardenedEpoch:
        """Return the epoch to keep: the last that stood against PGD, once eps was full, as well as the best one.

        As well is within one standard error of a share (the rule of Breiman et al. 1984): of few images the best epoch
        is often the luckiest, and the learning rate makes later ones better.
        """
        if not self._full():
            return self.history[-1]
        peak = self._peak().validation_pgd
        error = math.sqrt(peak * (1 - peak) / self._validated)
        return [epoch for epoch in self._full() if epoch.validation_pgd >= peak - error][-1]

    def _epoch(self, number: int) -> None:
        order = np.random.default_rng((self._seed, number)).permutation(self._count)
        measured = (*self._step_through(order), *self._validate(), *self._validate_robustly())
        self.history.append(HardenedEpoch(number, *(round(float(value), DECIMALS) for value in measured)))
        if self.best() is self.history[-1]:
            self._best = [variable.numpy() for variable in self._model.weights]

    def _losses(self, images: tf.Tensor, labels: tf.Tensor) -> Losses:
        step = self._optimizer.iterations
        grown = tf.gather(tf.constant(self._grown), step)
        now = TrainingStep(
            eps=self._recipe.eps * grown,
            grown=grown,
            steps=self._recipe.steps,
            step=self._recipe.step,
            weight=self._recipe.weight,
            tighten=self._recipe.tighten,
            clean_images=self._recipe.clean_images,
            seed=tf.stack([tf.constant(self._seed, tf.int64), tf.cast(step, tf.int64)]),
        )
        return METHODS[self._recipe.method](self._model, images, labels, now)

    def _full(self) -> list[HardenedEpoch]:
        """Return the epochs at whose end eps had reached its full radius."""
        return [epoch for epoch in self.history if epoch.epoch >= self._recipe.ramp[1] * self._recipe.epochs]

    def _peak(self) -> HardenedEpoch:
        """Return the full epoch that stood best against PGD; the later one of two that are equal."""
        return max(self._full(), key=lambda epoch: (epoch.validation_pgd, epoch.epoch))

    def _settled(self) -> bool:
        """Return whether PGD accuracy has not risen for as many epochs as the recipe waits."""
        patience = self._recipe.patience
        return bool(patience and self._full() and self.history[-1].epoch - self._peak().epoch >= patience)

    def _refuse_divergence(self, kept: Checkpoint) -> None:
        error = divergence(self._model, self.history[-1], section="harden")
        if error:
            kept.forget()
            raise error

    def _refuse_collapse(self, kept: Checkpoint) -> None:
        epoch = self.history[-1]
        fooled = epoch in self._full() and epoch.validation_fgm >= max(FOOLED * epoch.validation_pgd, self._chance)
        if self._recipe.allow_collapse or not fooled:
            return
        kept.forget()
        raise InputError(
            f"harden: collapsed in epoch {epoch.epoch}: {epoch.validation_fgm:.1%} right under one step, "
            f"{epoch.validation_pgd:.1%} under PGD (catastrophic overfitting); take more harden.steps, a smaller "
            "harden.step, or a longer harden.ramp; harden.allow_collapse: true keeps such a model"
        )

    def _refuse_chance(self, kept: Checkpoint) -> None:
        accuracy = self.best().validation_accuracy
        if self._recipe.allow_collapse or accuracy >= self._chance + _CHANCE * (1 - self._chance):
            return
        kept.forget()
        raise InputError(
            f"harden: learnt nothing: {accuracy:.1%} right on clean validation images, {self._chance:.1%} is the "
            "largest class; take a lower harden.learning_rate, a longer harden.ramp, or more harden.epochs"
        )

    def _variables(self) -> list[Any]:
        return [*self._model.variables, *self._optimizer.variables]

    def _state(self) -> State:
        return {
            "history": [np.array([astuple(epoch) for epoch in self.history])],
            "seconds": [np.array(self.seconds)],
            "best": self._best,
            "variables": [variable.numpy() for variable in self._variables()],
        }

    def _resume(self, kept: Checkpoint) -> None:
        state = kept.load()
        if state is None:
            return
        self.history = [HardenedEpoch(int(row[0]), *map(float, row[1:])) for row in state["history"][0]]
        self.seconds, self._best = float(state["seconds"][0]), state["best"]
        for variable, value in zip(self._variables(), state["variables"], strict=True):
            variable.assign(value)
        print(f"resumed after epoch {len(self.history)} of {self._recipe.epochs}", flush=True)


class _Rates(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate of each step, from a table."""

    def __init__(self, rates: NDArray[np.float64]) -> None:
        self._rates = rates.astype(np.float32)

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        return tf.gather(tf.constant(self._rates), tf.cast(step, tf.int64))


def _shares(count: int, recipe: Recipe) -> NDArray[np.float64]:
    """Return for each step of the run which share of it lies behind."""
    steps = -(-count // recipe.batch_size) * recipe.epochs
    return np.arange(steps) / steps
