"""A hardening that was interrupted goes on where it was, to the same bits."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.hardening import WEIGHTS, assert_equal, interrupt, prepared, recipe, refusal, scripted, whole
from support.striped import linear

from robust_digits.data.images import ImageSet
from robust_digits.learn import networks
from robust_digits.learn.checkpoint import Checkpoint
from robust_digits.learn.choices import Architecture
from robust_digits.learn.hardening import Hardening
from robust_digits.learn.objectives import METHODS
from robust_digits.learn.recipe import Method
from robust_digits.runtime import keras

pytestmark = [pytest.mark.usefixtures("tensorflow", "quickly"), pytest.mark.slow]


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


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.fault("recovered")
def test_an_interrupted_run_ends_in_the_same_bits(
    method: Method, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Interrupted and started anew from fresh weights, a run goes on where it was and ends as if nothing had been.

    tests/test_train_hardened.py kills a real, compiled one.
    """
    values: dict[str, Any] = {
        "method": method,
        "weight": WEIGHTS[method],
        "ramp": [0.0, 0.4],
        "epochs": 2,
        "batch_size": 5,
    }
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
    assert first == "resumed after epoch 1 of 2"
    assert lines[-1] == str(run.history[-1])
    assert run.history == expected.history
    assert run.best() == expected.best()
    for one, other in zip(whole(resumed), whole(untouched), strict=True):
        np.testing.assert_array_equal(one, other)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("recovered")
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


@pytest.mark.fault("recovered")
def test_a_run_that_had_ended_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after its last epoch and before its model was saved, a run has nothing left to train."""
    model, again = linear(), linear()
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "forget", lambda _: None)
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
    kept = Checkpoint(tmp_path / "state.npz").load()
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
    kept = Checkpoint(tmp_path / "state.npz").load()
    assert kept
    done = len(kept["history"][0])
    scripted(monkeypatch, *(0.7, 0.1, 0.7, 0.7)[done:], single=found["single"][done:])
    assert "collapsed in epoch 2" in refusal(prepared(allow_collapse=False), tmp_path / "state.npz")


@pytest.mark.fault("recovered")
def test_a_damaged_state_costs_the_epochs_behind_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the state cannot be read, the run starts anew and says so."""
    (tmp_path / "state.npz").write_bytes(b"PK\x03\x04 cut off")
    run = prepared(epochs=2)
    run.run(tmp_path / "state.npz")
    said = capsys.readouterr()
    assert said.err.startswith(f"{tmp_path / 'state.npz'}: cannot be read")
    lines = said.out.splitlines()
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
