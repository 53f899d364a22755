"""Hardenings of few images in few steps."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from robust_digits.errors import InputError
from robust_digits.learn import hardening, training
from robust_digits.learn.hardening import Hardening
from robust_digits.learn.recipe import Method, Recipe
from robust_digits.params import Section, parse
from robust_digits.runtime import keras
from support.striped import linear, striped

ROOT = Path(__file__).parents[2]


WEIGHTS: dict[Method, float | None] = {"pgd": None, "fast": None, "trades": 2.0, "ibp": 0.5, "mixed": 0.25}


Weights = list[NDArray[np.float32]]


class Params(Section):
    """A parameters file with a recipe in it."""

    harden: Recipe


def recipe(**changed: object) -> Recipe:
    """Return a short recipe that keeps any model; a key that is not named here is as in params.yaml."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["harden"] | {
        "method": "pgd",
        "eps": 0.05,
        "steps": 2,
        "step": None,
        "weight": None,
        "ramp": [0.0, 0.0],
        "learning_rate": 0.01,
        "schedule": [[0.0, 1.0]],
        "clip": None,
        "epochs": 4,
        "batch_size": 4,
        "patience": None,
        "allow_collapse": True,
    }
    return parse(Params, {"harden": values | changed}, where="here").harden


def prepared(model: keras.Model | None = None, *, seed: int = 0, **changed: object) -> Hardening:
    """Return a training on 10 images, which 4 does not divide."""
    return Hardening(
        linear() if model is None else model, striped(10), striped(6, seed=1), recipe(**changed), seed=seed
    )


def scripted(monkeypatch: pytest.MonkeyPatch, *found: float, single: Sequence[float] = ()) -> list[Weights]:
    """Make robust validation find these accuracies under PGD, epoch by epoch; return the weights that it sees.

    Those under a single step are the same, or `single`.
    """
    seen: list[Weights] = []

    def compiled(model: keras.Model, *_: object, **__: object) -> Callable[[], tuple[float, float]]:
        pairs = iter(zip(single or found, found, strict=True))

        def next_pair() -> tuple[float, float]:
            seen.append(model.get_weights())
            return next(pairs)

        return next_pair

    monkeypatch.setattr(hardening, "compiled_robust_validation", compiled)
    return seen


def assert_equal(first: Weights, second: Weights) -> None:
    """Hold two models against each other, to the bit."""
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def answering(gain: float) -> keras.Model:
    """Return a linear model that tells dark images from bright ones by the sum of their pixels, `gain` times."""
    model = linear()
    model.set_weights([gain * np.array([[-1.0, 1.0]] * 36), gain * np.array([18.0, -18.0])])
    return model


def expected(points: Sequence[tuple[float, float]], *, epochs: int) -> list[float]:
    """Return the mean over the images of each epoch of what lies on straight lines over the run's steps of 4, 4, 2."""
    return [float(found) for found in between(points, steps=3 * epochs).reshape(epochs, 3) @ [0.4, 0.4, 0.2]]


def between(points: Sequence[tuple[float, float]], *, steps: int) -> NDArray[np.float64]:
    """Return what lies on straight lines between [share, value] at each step of a run."""
    shares, values = np.array(points).T
    found: NDArray[np.float64] = np.interp(np.arange(steps) / steps, shares, values)
    return found


def refusal(run: Hardening, state: Path) -> str:
    """Return the one line that a training ends with; nothing is left of it."""
    with pytest.raises(InputError) as caught:
        run.run(state)
    assert not state.exists()
    (line,) = str(caught.value).splitlines()
    return line


def interrupt(monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """Interrupt a training when it has told of an epoch, once."""
    tell = training.Progress.tell

    def stop(self: training.Progress, epoch: training.Epoch) -> None:
        tell(self, epoch)
        if epoch.epoch == after:
            monkeypatch.setattr(training.Progress, "tell", tell)
            raise KeyboardInterrupt

    monkeypatch.setattr(training.Progress, "tell", stop)


def whole(variables: keras.Model) -> Iterator[NDArray[Any]]:
    """Yield everything that a model holds, the states of its random generators too."""
    return (variable.numpy() for variable in variables.variables)
