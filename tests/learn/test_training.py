"""Training is Keras' own mathematics, visits every image once an epoch, and repeats to the bit."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from support.striped import linear, striped

from robust_digits import tables
from robust_digits.learn import models, training
from robust_digits.learn.choices import Loss, Optimizer
from robust_digits.learn.distortion import distortion
from robust_digits.learn.losses import LOSSES, Function, categorical_crossentropy
from robust_digits.learn.settings import Augmentation
from robust_digits.runtime import keras, tf

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]


def run(
    model: keras.Model,
    *,
    epochs: int = 1,
    batch_size: int = 4,
    learning_rate: float = 0.01,
    loss: Function = categorical_crossentropy,
    distort: training.Distort = lambda images: images,
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
        loss=loss,
        distort=distort,
    )


def test_params_may_choose_every_optimizer() -> None:
    """The names that params.yaml may use are the names in the table."""
    assert set(get_args(Optimizer)) == set(training.OPTIMIZERS)


def test_rmsprop_is_the_tutorials() -> None:
    """RMSprop has the tutorial's settings: rho 0.9, epsilon 1e-8."""
    config = training.OPTIMIZERS["rmsprop"](1e-3).get_config()
    assert (config["rho"], config["epsilon"]) == (0.9, 1e-8)
    assert config["learning_rate"] == pytest.approx(1e-3)


@pytest.mark.parametrize("name", training.OPTIMIZERS)
def test_every_optimizer_moves_downhill(name: Optimizer) -> None:
    """Each takes its learning rate and lowers the loss in a few steps."""
    optimizer = training.OPTIMIZERS[name](0.05)
    assert float(optimizer.learning_rate) == pytest.approx(0.05)
    history = training.train(
        linear(), striped(10), striped(6, seed=1), optimizer=name, learning_rate=0.05, epochs=4, batch_size=5, seed=0
    )
    assert history[-1].loss < history[0].loss


def test_a_step_of_rmsprop_is_ieees() -> None:
    """Weights move as numpy calculates it in float32, to the bit: no approximation of a root makes CPUs disagree."""
    one, single = striped(1), np.float32
    model = keras.Sequential([keras.Input(one.images.shape[1:]), keras.layers.Flatten(), keras.layers.Dense(2)])
    before: NDArray[np.float32] = model.get_weights()[0]
    training.train(
        model,
        one,
        one,
        optimizer="rmsprop",
        learning_rate=0.001,
        epochs=3,
        batch_size=1,
        seed=0,
        loss=lambda _, logits: tf.reduce_sum(logits, axis=1),  # so that a weight's gradient is its pixel
    )
    gradient = np.repeat(np.asarray(one.images).reshape(-1, 1), 2, axis=1)
    moving = np.zeros_like(gradient)
    weights = before
    for _ in range(3):
        moving = (single(0.9) * moving + single(1 - 0.9) * np.square(gradient)).astype(single)
        weights = (weights - single(0.001) * gradient / np.sqrt(moving + single(1e-8))).astype(single)
    np.testing.assert_array_equal(model.get_weights()[0], weights)


def test_keras_own_rmsprop() -> None:
    """The other RMSprop has epsilon 1e-7, as the lab of tanh layers and Keras itself."""
    config = training.OPTIMIZERS["rmsprop_keras"](2e-3).get_config()
    assert (config["rho"], config["epsilon"]) == (0.9, 1e-7)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_learns(name: Loss) -> None:
    """Whichever loss is minimized, a separable set is learnt; the history has it and the cross-entropy."""
    model = linear()
    history = run(model, epochs=40, learning_rate=0.05, loss=LOSSES[name])
    assert history[-1].validation_accuracy == 1.0
    outputs, labels = model(striped(6, seed=1).images), striped(6, seed=1).labels
    expected = keras.losses.sparse_categorical_crossentropy(labels, outputs, from_logits=True)
    assert history[-1].validation_cross_entropy == pytest.approx(float(np.mean(expected)), abs=1e-5)
    assert history[-1].validation_loss == pytest.approx(float(np.mean(LOSSES[name](labels, outputs))), abs=1e-5)
    squared = (keras.ops.softmax(outputs) - np.eye(2)[labels]) ** 2
    assert history[-1].validation_mse == pytest.approx(float(np.mean(squared)), abs=1e-5)


def test_training_sees_distorted_images_and_validation_does_not() -> None:
    """What `distort` makes of a batch is what the model is shown; here it turns training upside down."""
    history = run(linear(), epochs=30, learning_rate=0.05, distort=lambda images: 1 - images)
    assert history[-1].accuracy == 1.0
    assert history[-1].validation_accuracy == 0.0


def test_distorted_training_repeats_to_the_bit_and_leaves_no_trace_in_the_model() -> None:
    """Two runs with random distortions end in the same weights; the model has no layer more than before."""
    ranges = Augmentation(rotation=10, shift=0.1, shear=5, zoom=0.1)
    twins = linear(), linear()
    first, second = (run(model, epochs=3, distort=distortion(ranges, seed=0)) for model in twins)
    assert first == second
    assert first != run(linear(), epochs=3)
    assert [type(layer).__name__ for layer in twins[0].layers] == ["Flatten", "Dense"]
    for one, two in zip(twins[0].get_weights(), twins[1].get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_batch_normalization_learns_its_averages(tmp_path: Path) -> None:
    """The moving averages that a normalized model answers with are trained, and saved, to the bit."""
    files = []
    for name in ("first", "second"):
        keras.utils.clear_session()
        keras.utils.set_random_seed(0)
        normalize = keras.layers.BatchNormalization(momentum=0.5)
        model = keras.Sequential(
            [keras.layers.Input((6, 6, 1)), keras.layers.Flatten(), normalize, keras.layers.Dense(2)]
        )
        run(model, epochs=20)
        assert float(np.mean(normalize.moving_mean)) == pytest.approx(float(striped(10).images.mean()), abs=0.1)
        models.save(model, tmp_path / f"{name}.keras")
        files.append((tmp_path / f"{name}.keras").read_bytes())
    assert files[0] == files[1]


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


@pytest.mark.parametrize("window", [1, 8 * 16])  # bytes: one batch, and two images of 2x2 pixels a batch more
def test_windows_change_no_bit(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few images are in memory at a time, the weights and the history are the same, to the bit.

    Of a network that draws what it drops, and of images that are distorted at random, too.
    """
    monkeypatch.setattr(training, "_VALIDATION_BATCH", 2)

    def learnt() -> tuple[list[training.Epoch], list[NDArray[np.float32]]]:
        keras.utils.set_random_seed(0)
        kept = keras.Sequential([keras.layers.Dropout(0.5), linear()])
        noise = keras.layers.GaussianNoise(0.1)
        return run(kept, epochs=2, distort=lambda images: noise(images, training=True)), kept.get_weights()

    history, weights = learnt()
    monkeypatch.setattr(training, "_WINDOW", window)
    again, others = learnt()
    assert again == history
    for one, two in zip(weights, others, strict=True):
        np.testing.assert_array_equal(one, two)


def test_history_is_a_table(tmp_path: Path) -> None:
    """The history is saved as CSV, one line an epoch, and reads back as it was."""
    history = run(linear(), epochs=2)
    training.save_history(tmp_path / "history.csv", history)
    rows = tables.read(tmp_path / "history.csv")
    assert [training.Epoch(int(row["epoch"]), *map(float, list(row.values())[1:])) for row in rows] == history
    assert list(rows[0]) == [
        "epoch",
        "loss",
        "accuracy",
        "validation_loss",
        "validation_accuracy",
        "validation_cross_entropy",
        "validation_mse",
    ]


def test_progress_is_plain_lines_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody watches, each epoch is one plain line."""
    history = run(linear(), epochs=2)
    assert capsys.readouterr().out.splitlines() == [str(epoch) for epoch in history]
