"""What grows and falls over a hardening, and which of its epochs is kept."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.hardening import assert_equal, between, expected, interrupt, prepared, scripted
from support.striped import linear

from robust_digits.learn.objectives import METHODS, Losses, TrainingStep
from robust_digits.runtime import keras, tf

pytestmark = [pytest.mark.usefixtures("tensorflow", "quickly"), pytest.mark.slow]


def telling(monkeypatch: pytest.MonkeyPatch, tell: Callable[[TrainingStep], tf.Tensor]) -> None:
    """Put in the place of `pgd` a method whose loss is a number of the step, and whose slope by a bias is 1."""

    def method(model: keras.Model, images: tf.Tensor, labels: tf.Tensor, now: TrainingStep) -> Losses:
        del labels
        bias = tf.reduce_sum(model.layers[-1].bias)
        logits = model(images, training=True)
        return tf.zeros(tf.shape(images)[0]) + tell(now) + bias - tf.stop_gradient(bias) + 0 * logits[:, 0], logits

    monkeypatch.setitem(METHODS, "pgd", method)


@pytest.mark.parametrize("ramp", [(0.0, 0.5), (0.2, 0.7), (0.0, 1.0), (0.5, 0.5)])
def test_eps_grows_along_the_ramp(ramp: tuple[float, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eps, and its share that weighs the bounds, rise step by step between the two shares of the run, then stay."""
    growth = expected([(ramp[0], 0), (ramp[1], 1)], epochs=4)
    for tell, scale in ((lambda now: now.eps, 0.05), (lambda now: now.grown, 1.0)):
        telling(monkeypatch, tell)
        scripted(monkeypatch, 0.5, 0.5, 0.5, 0.5)  # which costs nothing
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
    run = prepared(model, ramp=ramp, batch_size=10, steps=1)
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
    run = prepared(epochs=6, patience=2, ramp=ramp, batch_size=10, steps=1)
    run.run(tmp_path / "state.npz")
    assert len(run.history) == epochs
