"""Hardening learns to withstand an attack, keeps its best epoch, owns up to a collapse, and survives interruption."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from support.ravine import ravine, validated
from support.striped import linear, striped

from robust_digits import tables
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.learn import checkpoint, hardening, networks, robust_validation, training
from robust_digits.learn.choices import Architecture
from robust_digits.learn.hardening import HardenedEpoch, Hardening
from robust_digits.learn.objectives import METHODS, Losses, TrainingStep
from robust_digits.learn.recipe import Method, Recipe
from robust_digits.params import Section, parse
from robust_digits.runtime import keras, tf

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]

ROOT = Path(__file__).parents[2]
WEIGHTS: dict[Method, float | None] = {"pgd": None, "fast": None, "trades": 2.0, "ibp": 0.5, "mixed": 0.25}
Weights = list[NDArray[np.float32]]


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run few steps on few images without compiling, and attack them in one step, which on a linear model is enough."""
    monkeypatch.setattr(robust_validation, "STEPS", 1)
    tf.config.run_functions_eagerly(True)  # noqa: FBT003 (the name says it)
    yield
    tf.config.run_functions_eagerly(False)  # noqa: FBT003


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


# What it learns


def tempting(count: int, *, seed: int) -> ImageSet:
    """Return images with two pixels that tell the class clearly, in noise, and others that tell it faintly.

    The faint ones are without noise, so that plain training leans on them; a perturbation of 0.1 turns them round.
    """
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    strength = np.where(np.arange(36) < 2, 0.3, 0.05) * np.where(np.arange(36) % 2, 1, -1)  # as much dark as bright
    images = 0.5 + np.outer(2 * labels - 1, strength)
    images[:, :2] += generator.normal(0, 0.05, (count, 2))
    return ImageSet(images.clip(0, 1).reshape(count, 6, 6, 1).astype(np.float32), labels)


def answering(gain: float) -> keras.Model:
    """Return a linear model that tells dark images from bright ones by the sum of their pixels, `gain` times."""
    model = linear()
    model.set_weights([gain * np.array([[-1.0, 1.0]] * 36), gain * np.array([18.0, -18.0])])
    return model


def test_plain_training_is_tempted() -> None:
    """What tells the classes apart without noise is leant on, and gives way: the case for what follows."""
    train, validation, plain = tempting(128, seed=0), tempting(64, seed=1), answering(0.0)
    history = training.train(
        plain, train, validation, optimizer="adam", learning_rate=0.05, epochs=25, batch_size=128, seed=0
    )
    assert history[-1].validation_accuracy > 0.95
    assert validated(plain, validation, eps=0.1)[1] < 0.2


@pytest.mark.parametrize("method", METHODS)
def test_every_method_withstands_what_plain_training_does_not(method: Method, tmp_path: Path) -> None:
    """On the same set, with as many steps, a hardened model learns as well, and stands."""
    train, validation, hardened = tempting(128, seed=0), tempting(64, seed=1), answering(0.0)
    values = {"eps": 0.1, "learning_rate": 0.05, "epochs": 25, "batch_size": 128, "ramp": [0.0, 0.3]}
    wanted = recipe(method=method, weight=WEIGHTS[method], allow_collapse=False, **values)
    run = Hardening(hardened, train, validation, wanted, seed=0)
    run.run(tmp_path / "state.npz")
    assert run.best().validation_accuracy > 0.95
    assert run.best().validation_pgd > 0.9
    assert run.best().validation_pgd == pytest.approx(validated(hardened, validation, eps=0.1)[1])


def test_history_is_a_table(tmp_path: Path) -> None:
    """An epoch tells what that of plain training tells, and accuracy under one step and under many."""
    run = prepared(epochs=2)
    run.run(tmp_path / "state.npz")
    training.save_history(tmp_path / "hardened.csv", run.history)
    rows = tables.read(tmp_path / "hardened.csv")
    plain = [field.name for field in fields(training.Epoch)]
    assert list(rows[0]) == [*plain, "validation_fgm", "validation_pgd"]
    assert [HardenedEpoch(int(row["epoch"]), *map(float, list(row.values())[1:])) for row in rows] == run.history


def test_history_is_what_is_so(tmp_path: Path) -> None:
    """The last line is of the model as it is: clean loss and accuracy on validation images, and under attack."""
    model, validation = linear(), striped(6, seed=1)
    run = prepared(model, epochs=3, learning_rate=1e-9)
    run.run(tmp_path / "state.npz")
    logits = model(validation.images)
    lost = keras.losses.sparse_categorical_crossentropy(validation.labels, logits, from_logits=True)
    told = run.history[-1]
    assert told.validation_loss == pytest.approx(float(np.mean(lost)), abs=1e-5)
    assert told.validation_accuracy == pytest.approx(np.mean(np.argmax(logits, axis=1) == validation.labels), abs=1e-6)
    assert (told.validation_fgm, told.validation_pgd) == pytest.approx(validated(model, validation, eps=0.05), abs=1e-6)


def test_each_epoch_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody watches, each epoch is one plain line, with clean and robust accuracy."""
    run = prepared(epochs=2)
    run.run(tmp_path / "state.npz")
    lines = capsys.readouterr().out.splitlines()
    assert lines == [str(epoch) for epoch in run.history]
    assert lines[0].startswith("epoch 1: loss ")
    assert lines[0].endswith(f"; one step {run.history[0].validation_fgm:.4f}, PGD {run.history[0].validation_pgd:.4f}")


def test_same_seed_same_bits(tmp_path: Path) -> None:
    """Two runs end in the same weights and history to the bit; another seed draws another order and other starts."""
    runs = []
    for seed in (0, 0, 1):
        model = linear()
        run = prepared(model, seed=seed)
        run.run(tmp_path / "state.npz")
        runs.append((model.get_weights(), run.history))
    assert runs[0][1] == runs[1][1]
    assert_equal(runs[0][0], runs[1][0])
    assert runs[0][1] != runs[2][1]
    assert any((one != other).any() for one, other in zip(runs[0][0], runs[2][0], strict=True))


def test_seconds_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of every epoch is added up, and no other."""
    clock = iter(range(100))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)) ** 2)
    run = prepared(epochs=3)
    assert run.seconds == 0
    run.run(tmp_path / "state.npz")
    assert run.seconds == (1 - 0) + (9 - 4) + (25 - 16)


# What grows and falls over the run


def telling(monkeypatch: pytest.MonkeyPatch, tell: Callable[[TrainingStep], tf.Tensor]) -> None:
    """Put in the place of `pgd` a method whose loss is a number of the step, and whose slope by a bias is 1."""

    def method(model: keras.Model, images: tf.Tensor, labels: tf.Tensor, now: TrainingStep) -> Losses:
        del labels
        bias = tf.reduce_sum(model.layers[-1].bias)
        logits = model(images, training=True)
        return tf.zeros(tf.shape(images)[0]) + tell(now) + bias - tf.stop_gradient(bias) + 0 * logits[:, 0], logits

    monkeypatch.setitem(METHODS, "pgd", method)


def expected(points: Sequence[tuple[float, float]], *, epochs: int) -> list[float]:
    """Return the mean over the images of each epoch of what lies on straight lines over the run's steps of 4, 4, 2."""
    return [float(found) for found in between(points, steps=3 * epochs).reshape(epochs, 3) @ [0.4, 0.4, 0.2]]


def between(points: Sequence[tuple[float, float]], *, steps: int) -> NDArray[np.float64]:
    """Return what lies on straight lines between [share, value] at each step of a run."""
    shares, values = np.array(points).T
    found: NDArray[np.float64] = np.interp(np.arange(steps) / steps, shares, values)
    return found


@pytest.mark.parametrize("ramp", [(0.0, 0.5), (0.2, 0.7), (0.0, 1.0), (0.5, 0.5)])
def test_eps_grows_along_the_ramp(ramp: tuple[float, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eps, and its share that weighs the bounds, rise step by step between the two shares of the run, then stay."""
    growth = expected([(ramp[0], 0), (ramp[1], 1)], epochs=4)
    for tell, scale in ((lambda now: now.eps, 0.05), (lambda now: now.grown, 1.0)):
        telling(monkeypatch, tell)
        run = prepared(ramp=list(ramp))
        run.run(tmp_path / "state.npz")
        assert [epoch.loss for epoch in run.history] == pytest.approx([scale * share for share in growth], abs=1e-5)


def test_without_a_ramp_eps_is_full_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ramp from 0 to 0 is none."""
    telling(monkeypatch, lambda now: now.eps)
    run = prepared(ramp=[0.0, 0.0])
    run.run(tmp_path / "state.npz")
    assert [epoch.loss for epoch in run.history] == pytest.approx([0.05] * 4)


@pytest.mark.parametrize(
    "schedule", [[(0.0, 1.0)], [(0.0, 0.0), (0.4, 1.0), (1.0, 0.0)], [(0.0, 1.0), (0.5, 1.0), (0.5, 0.1)]]
)
def test_the_learning_rate_follows_the_schedule(
    schedule: list[tuple[float, float]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step of Adam along an even slope is as long as the learning rate is then."""
    telling(monkeypatch, lambda _: tf.constant(0.0))
    seen = scripted(monkeypatch, 0.5, 0.5, 0.5, 0.5)
    prepared(schedule=[list(point) for point in schedule]).run(tmp_path / "state.npz")
    rates = 0.01 * between(schedule, steps=12)
    fallen = [-weights[1][0] for weights in seen]
    assert fallen == pytest.approx(np.cumsum(rates)[2::3], rel=1e-3)


def test_gradients_are_clipped(tmp_path: Path) -> None:
    """With hardly any norm left to the gradient the model stays where it was."""
    free, held = linear(), linear()
    before = held.get_weights()
    prepared(free).run(tmp_path / "state.npz")
    prepared(held, clip=1e-12).run(tmp_path / "state.npz")
    assert np.abs(free.get_weights()[0] - before[0]).max() > 0.01
    assert np.abs(held.get_weights()[0] - before[0]).max() < 1e-4


def test_every_step_has_a_seed_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The random starts of two steps differ, as those of two training seeds."""
    telling(monkeypatch, lambda now: tf.random.stateless_uniform((), now.seed))
    drawn = []
    for seed in (0, 1):
        run = prepared(seed=seed, batch_size=10)
        run.run(tmp_path / "state.npz")
        drawn += [epoch.loss for epoch in run.history]
    assert len(set(drawn)) == len(drawn)


# The best epoch


@pytest.mark.parametrize(
    ("found", "ramp", "best"),
    [
        ((0.1, 1.0, 0.3, 0.2), [0.0, 0.0], 2),
        ((0.1, 1.0, 1.0, 0.2), [0.0, 0.0], 3),  # the later of two that are equal
        ((1.0, 0.4, 0.3, 0.3), [0.0, 0.0], 1),
        ((0.1, 0.5, 0.3, 0.29), [0.0, 0.0], 3),  # of 6 images, 0.5 has a standard error of 0.204
        ((0.5, 0.1, 0.2, 0.29), [0.0, 0.0], 1),
        ((0.3, 0.2, 0.5, 0.3), [0.0, 0.0], 4),
        ((1.0, 1.0, 0.3, 0.2), [0.0, 0.5], 2),  # the end of the second epoch is the first with a full eps
        ((0.9, 0.8, 0.2, 1.0), [0.0, 0.6], 4),
        ((0.9, 0.8, 0.3, 0.2), [0.0, 1.0], 4),
    ],
)
def test_the_best_epoch_is_kept(
    found: tuple[float, ...], ramp: list[float], best: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model ends with the weights of the last epoch that stood as well as the best, once eps was full."""
    seen, model = scripted(monkeypatch, *found), linear()
    run = prepared(model, ramp=ramp)
    run.run(tmp_path / "state.npz")
    assert [epoch.validation_pgd for epoch in run.history] == list(found)
    assert run.best().epoch == best
    assert_equal(model.get_weights(), seen[best - 1])
    assert not (tmp_path / "state.npz").exists()


def test_a_ramp_that_an_early_end_cuts_off_keeps_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as eps is not full the last epoch is the one to keep."""
    seen, model = scripted(monkeypatch, 0.9, 0.8, 0.7, 0.6), linear()
    run = prepared(model, ramp=[0.0, 1.0])
    interrupt(monkeypatch, after=2)
    with pytest.raises(KeyboardInterrupt):
        run.run(tmp_path / "state.npz")
    assert run.best().epoch == 2
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("found", "ramp", "epochs"),
    [
        ((0.5, 0.4, 0.3, 0.9, 0.9, 0.9), [0.0, 0.0], 3),
        ((0.5, 0.6, 0.6, 0.5, 0.5, 0.9), [0.0, 0.0], 5),
        ((0.9, 0.8, 0.7, 0.6, 0.5, 0.9), [0.0, 0.5], 5),  # what came before eps was full is not waited for
        ((0.1, 0.2, 0.3, 0.4, 0.5, 0.6), [0.0, 0.0], 6),
    ],
)
def test_patience_has_an_end(
    found: tuple[float, ...], ramp: list[float], epochs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After two epochs without a gain there is no other; before eps is full nothing is waited for."""
    scripted(monkeypatch, *found)
    run = prepared(epochs=6, patience=2, ramp=ramp)
    run.run(tmp_path / "state.npz")
    assert len(run.history) == epochs


# What goes wrong


def refusal(run: Hardening, state: Path) -> str:
    """Return the one line that a training ends with; nothing is left of it."""
    with pytest.raises(InputError) as caught:
        run.run(state)
    assert not state.exists()
    (line,) = str(caught.value).splitlines()
    return line


def test_a_collapse_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right under one step and wrong under PGD: the run ends at once, with what to change, and leaves nothing."""
    seen = scripted(monkeypatch, 0.7, 0.1, 0.7, 0.7, single=(0.75, 0.9, 0.75, 0.75))
    line = refusal(prepared(allow_collapse=False), tmp_path / "state.npz")
    assert line.startswith("harden: collapsed in epoch 2: 90.0% right under one step, 10.0% under PGD")
    for key in ("harden.steps", "harden.step,", "harden.ramp", "harden.allow_collapse"):
        assert key in line
    assert len(seen) == 2


def test_an_actual_collapse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model with a ravine beside every image, which a single step leaps over, is found out."""
    monkeypatch.setattr(robust_validation, "STEPS", 10)
    model, images = ravine()
    values = recipe(method="fast", eps=0.2, learning_rate=1e-9, allow_collapse=False)
    run = Hardening(model, images, images, values, seed=0)
    run._chance = 0.1  # noqa: SLF001 (the images are of one class, which alone would be no feat)
    assert "100.0% right under one step, 0.0% under PGD" in refusal(run, tmp_path / "state.npz")


def test_a_collapse_may_be_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the user wants it the run goes on, and keeps its best epoch."""
    scripted(monkeypatch, 0.7, 0.1, 0.2, 0.1, single=(0.75, 0.9, 0.9, 0.9))
    run = prepared()
    run.run(tmp_path / "state.npz")
    assert (len(run.history), run.best().epoch) == (4, 1)


def test_a_collapse_needs_a_full_eps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While eps grows the model is not made for the full one, and nothing is said; nor of a small gap."""
    scripted(monkeypatch, 0.1, 0.4, 0.5, 0.5, single=(0.9, 0.75, 0.75, 0.75))
    run = prepared(answering(1.0), ramp=[0.0, 0.5], learning_rate=1e-9, allow_collapse=False)
    run.run(tmp_path / "state.npz")
    assert len(run.history) == 4


def test_a_weak_model_has_not_collapsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that hardly anything stands in, under one step or many, is weak, and has not learnt to fool either."""
    scripted(monkeypatch, 0.0, 0.0, 0.1, 0.0, single=(0.0, 0.02, 0.3, 0.04))
    run = prepared(answering(1.0), learning_rate=1e-9, allow_collapse=False)
    run.run(tmp_path / "state.npz")
    assert run.best().epoch == 4


def test_learning_nothing_is_an_error(tmp_path: Path) -> None:
    """A model that is no better than saying the largest class ends the stage with what to change."""
    line = refusal(prepared(untaught(), learning_rate=1e-9, allow_collapse=False), tmp_path / "state.npz")
    assert line.startswith("harden: learnt nothing: 50.0% right on clean validation images, 50.0% is the largest class")
    for key in ("harden.learning_rate", "harden.ramp", "harden.epochs"):
        assert key in line
    prepared(untaught(), learning_rate=1e-9).run(tmp_path / "state.npz")  # allowed


def untaught() -> keras.Model:
    """Return a model that says class 0 whatever it sees."""
    model = linear()
    model.set_weights([np.zeros((36, 2)), np.array([1.0, 0.0])])
    return model


@pytest.mark.parametrize("share", [0.5, 0.75, 0.9, 1.0])
def test_a_large_class_is_no_excuse(share: float, tmp_path: Path) -> None:
    """However much of the set is of one class, a model that tells all classes apart has learnt something."""
    whole = striped(80)
    dark, bright = (np.flatnonzero(whole.labels == label) for label in (0, 1))
    validation = whole[np.concatenate([dark[: int(40 * share)], bright[: 40 - int(40 * share)]])]
    values = recipe(learning_rate=1e-9, batch_size=80, epochs=1, allow_collapse=False)
    run = Hardening(answering(1.0), whole, validation, values, seed=0)
    run.run(tmp_path / "state.npz")
    assert run.best().validation_accuracy == 1


# Interruption


def interrupt(monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """Interrupt a training when it has told of an epoch, once."""
    tell = training.Progress.tell

    def stop(self: training.Progress, epoch: training.Epoch) -> None:
        tell(self, epoch)
        if epoch.epoch == after:
            monkeypatch.setattr(training.Progress, "tell", tell)
            raise KeyboardInterrupt

    monkeypatch.setattr(training.Progress, "tell", stop)


def dropping() -> keras.Model:
    """Return a network with dropout and batch normalisation, whose states are no weights that learn."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((6, 6, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(2),
        ]
    )


def whole(variables: keras.Model) -> Iterator[NDArray[Any]]:
    """Yield everything that a model holds, the states of its random generators too."""
    return (variable.numpy() for variable in variables.variables)


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupted_run_ends_in_the_same_bits(
    method: Method, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Interrupted and started anew from fresh weights, a run goes on where it was and ends as if nothing had been.

    tests/test_train_hardened.py kills a real, compiled one.
    """
    values: dict[str, Any] = {"method": method, "weight": WEIGHTS[method], "ramp": [0.0, 0.4], "epochs": 4}
    untouched, broken, resumed = dropping(), dropping(), dropping()
    expected = prepared(untouched, **values)
    expected.run(tmp_path / "untouched.npz")
    interrupt(monkeypatch, after=2)
    with pytest.raises(KeyboardInterrupt):
        prepared(broken, **values).run(tmp_path / "state.npz")
    capsys.readouterr()
    run = prepared(resumed, **values)
    run.run(tmp_path / "state.npz")
    first, *lines = capsys.readouterr().out.splitlines()
    assert first in {f"resumed after epoch {number} of 4" for number in (1, 2)}  # told before or after it is kept
    assert lines[-1] == str(run.history[-1])
    assert run.history == expected.history
    assert run.best() == expected.best()
    for one, other in zip(whole(resumed), whole(untouched), strict=True):
        np.testing.assert_array_equal(one, other)
    assert list(tmp_path.iterdir()) == []


def test_the_best_weights_survive_an_interruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The best epoch may lie before the interruption."""
    seen, model = scripted(monkeypatch, 0.9, 0.5, 0.5, 0.5), linear()
    interrupt(monkeypatch, after=3)
    with pytest.raises(KeyboardInterrupt):
        prepared(linear()).run(tmp_path / "state.npz")
    scripted(monkeypatch, 0.5, 0.5)
    run = prepared(model)
    run.run(tmp_path / "state.npz")
    assert (len(run.history), run.best().epoch) == (4, 1)
    assert_equal(model.get_weights(), seen[0])


def test_a_run_that_had_ended_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after its last epoch and before its model was saved, a run has nothing left to train."""
    model, again = linear(), linear()
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "forget", lambda _: None)
        prepared(model).run(tmp_path / "state.npz")
    run = prepared(again)
    monkeypatch.setattr(run, "_epoch", lambda number: pytest.fail(f"trained epoch {number}"))
    run.run(tmp_path / "state.npz")
    assert len(run.history) == 4
    assert_equal(model.get_weights(), again.get_weights())


def test_seconds_go_on_after_an_interruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a resumed run counts that before the interruption."""
    interrupt(monkeypatch, after=3)
    with pytest.raises(KeyboardInterrupt):
        prepared().run(tmp_path / "state.npz")
    kept = checkpoint.load(tmp_path / "state.npz")
    assert kept
    before = float(kept["seconds"][0])
    run = prepared()
    run.run(tmp_path / "state.npz")
    assert run.seconds > before > 0


def test_a_collapse_is_not_resumed_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted just as it told of the epoch in which it collapsed, a run does not go on as if all were well."""
    found = {"single": (0.75, 0.9, 0.75, 0.75)}
    scripted(monkeypatch, 0.7, 0.1, 0.7, 0.7, **found)
    interrupt(monkeypatch, after=2)
    with pytest.raises(KeyboardInterrupt):
        prepared(allow_collapse=False).run(tmp_path / "state.npz")
    kept = checkpoint.load(tmp_path / "state.npz")
    assert kept
    done = len(kept["history"][0])
    scripted(monkeypatch, *(0.7, 0.1, 0.7, 0.7)[done:], single=found["single"][done:])
    assert "collapsed in epoch 2" in refusal(prepared(allow_collapse=False), tmp_path / "state.npz")


def test_a_damaged_state_costs_the_epochs_behind_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the state cannot be read, the run starts anew and says so."""
    (tmp_path / "state.npz").write_bytes(b"PK\x03\x04 cut off")
    run = prepared(epochs=2)
    run.run(tmp_path / "state.npz")
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{tmp_path / 'state.npz'}: cannot be read")
    assert lines == [str(epoch) for epoch in run.history]
    assert len(lines) == 2


@pytest.mark.parametrize("architecture", networks.NETWORKS)
def test_every_network_can_be_hardened(architecture: Architecture, tmp_path: Path) -> None:
    """Each network of the table learns from an attack and from bounds, and its weights stay finite."""
    keras.utils.set_random_seed(0)
    model = networks.build(architecture, shape=(16, 16, 1), classes=2)
    before = model.get_weights()
    generator = np.random.default_rng(0)
    whole = ImageSet(generator.random((8, 16, 16, 1), np.float32), np.arange(8) % 2)
    run = Hardening(model, whole, whole, recipe(method="mixed", weight=0.25, steps=1, epochs=1, batch_size=8), seed=0)
    run.run(tmp_path / "state.npz")
    assert np.isfinite(run.history[0].loss)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert any((one != other).any() for one, other in zip(model.get_weights(), before, strict=True))
