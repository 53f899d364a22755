"""A hardening that goes wrong is refused, with what to do about it."""

from pathlib import Path

import numpy as np
import pytest
from support.hardening import answering, prepared, recipe, refusal, scripted
from support.ravine import ravine
from support.striped import linear, striped

from robust_digits.learn import robust_validation
from robust_digits.learn.hardening import Hardening
from robust_digits.runtime import keras

pytestmark = [pytest.mark.usefixtures("tensorflow", "quickly"), pytest.mark.slow]


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
