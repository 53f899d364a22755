"""Training is Keras' own mathematics, visits every image once an epoch, and repeats to the bit."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from robust_digits import tables
from robust_digits.data.images import ImageSet
from robust_digits.learn import training
from robust_digits.learn.choices import Optimizer
from robust_digits.runtime import keras

pytestmark = pytest.mark.usefixtures("tensorflow")


def striped(count: int, *, seed: int = 0) -> ImageSet:
    """Return noisy 6x6 images, dark (class 0) and bright (class 1) in turn."""
    labels = np.arange(count) % 2
    noise = np.random.default_rng(seed).uniform(0, 0.4, (count, 6, 6, 1))
    return ImageSet((noise + 0.6 * labels[:, None, None, None]).astype(np.float32), labels.astype(np.int64))


def linear(seed: int = 0) -> keras.Model:
    """Return a model with one dense layer: two logits."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.layers.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])


def run(
    model: keras.Model, *, epochs: int = 1, batch_size: int = 4, learning_rate: float = 0.01
) -> list[training.Epoch]:
    """Train on 10 images, which 4 does not divide."""
    return training.train(
        model,
        striped(10),
        striped(6, seed=1),
        optimizer="adam",
        learning_rate=learning_rate,
        epochs=epochs,
        batch_size=batch_size,
        seed=0,
    )


def test_params_may_choose_every_optimizer() -> None:
    """The names that params.yaml may use are the names in the table."""
    assert set(get_args(Optimizer)) == set(training.OPTIMIZERS)


def test_rmsprop_is_the_tutorials() -> None:
    """RMSprop has the tutorial's settings: rho 0.9, epsilon 1e-8."""
    config = training.OPTIMIZERS["rmsprop"](1e-3).get_config()
    assert (config["rho"], config["epsilon"]) == (0.9, 1e-8)
    assert config["learning_rate"] == pytest.approx(1e-3)


def test_it_learns() -> None:
    """A separable set is learnt, and the history tells so."""
    history = run(linear(), epochs=30, learning_rate=0.05)
    assert [epoch.epoch for epoch in history] == list(range(1, 31))
    assert history[-1].accuracy == history[-1].validation_accuracy == 1.0
    assert history[-1].loss < history[0].loss


def test_every_image_counts_once() -> None:
    """Without learning, the loss of an epoch is the mean over all images, the smaller last batch included."""
    model, images = linear(), striped(10)
    expected = keras.losses.sparse_categorical_crossentropy(images.labels, model(images.images), from_logits=True)
    (epoch,) = run(model, learning_rate=1e-30)
    assert epoch.loss == pytest.approx(float(np.mean(expected)), abs=1e-5)
    predicted = np.argmax(model(images.images), axis=1)
    assert epoch.accuracy == pytest.approx(np.mean(predicted == images.labels))


def test_one_step_is_keras_step() -> None:
    """One batch of all images moves the weights exactly as Keras' `fit` does."""
    ours, theirs, images = linear(), linear(), striped(10)
    run(ours, batch_size=10)
    theirs.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    theirs.fit(images.images, images.labels, batch_size=10, epochs=1, verbose=0)
    for mine, keras_own in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, keras_own, rtol=0, atol=1e-6)


def test_same_seed_same_bits() -> None:
    """Two runs from the same start end in the same weights, to the bit."""
    first, second = linear(), linear()
    assert run(first, epochs=3) == run(second, epochs=3)
    for one, two in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_history_is_a_table(tmp_path: Path) -> None:
    """The history is saved as CSV, one line an epoch, and reads back as it was."""
    history = run(linear(), epochs=2)
    training.save_history(tmp_path / "history.csv", history)
    rows = tables.read(tmp_path / "history.csv")
    assert [training.Epoch(int(row["epoch"]), *map(float, list(row.values())[1:])) for row in rows] == history
    assert list(rows[0]) == ["epoch", "loss", "accuracy", "validation_loss", "validation_accuracy"]


def test_progress_is_plain_lines_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody watches, each epoch is one plain line."""
    history = run(linear(), epochs=2)
    assert capsys.readouterr().out.splitlines() == [str(epoch) for epoch in history]
