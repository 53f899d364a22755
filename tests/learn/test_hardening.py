"""A hardened model withstands what a plainly trained one does not, and says what it learnt."""

import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from support.hardening import (
    WEIGHTS,
    answering,
    assert_equal,
    prepared,
    recipe,
)
from support.ravine import validated
from support.striped import linear, striped

from robust_digits import tables
from robust_digits.data.images import ImageSet
from robust_digits.learn import training
from robust_digits.learn.hardening import HardenedEpoch, Hardening
from robust_digits.learn.objectives import METHODS
from robust_digits.learn.recipe import Method
from robust_digits.runtime import keras

pytestmark = [pytest.mark.usefixtures("tensorflow", "quickly"), pytest.mark.slow]


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
