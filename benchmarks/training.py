"""Seconds per epoch of robust_digits.learn.training and of Keras' own fit: same network, images and optimizer.

Before anything is timed, both train for one epoch over the images in the same order and must reach the same loss and
the same weights. A timed call builds the network, traces its functions and validates after each epoch, in both.
"""

import argparse
import contextlib
import io
import sys
from functools import partial

import numpy as np

from benchmarks import timing
from robust_digits import runtime
from robust_digits.data.images import ImageSet
from robust_digits.learn import networks, training
from robust_digits.learn.choices import Optimizer
from robust_digits.runtime import keras, tf

SEED, THREADS = 0, 2
SHAPE, CLASSES = (28, 28, 1), 10
OPTIMIZER: Optimizer = "rmsprop"
RATE = 0.001
BATCH, VALIDATION_BATCH = 128, 2048
TOLERANCE = 1e-4  # of the loss and of each weight


def ours(train: ImageSet, validation: ImageSet, *, epochs: int) -> tuple[keras.Model, float]:
    """Train the network with this project, without its line an epoch; return it and its last loss."""
    model = _build()
    run = partial(training.train, optimizer=OPTIMIZER, learning_rate=RATE, batch_size=BATCH, seed=SEED)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        history = run(model, train, validation, epochs=epochs)
    return model, history[-1].loss


def fit(train: ImageSet, validation: ImageSet, *, epochs: int, shuffle: bool = True) -> tuple[keras.Model, float]:
    """Train the network with Keras; return it and its last loss."""
    model = _build()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(training.OPTIMIZERS[OPTIMIZER](RATE), loss, metrics=["accuracy"])
    history = model.fit(
        train.images,
        train.labels,
        batch_size=BATCH,
        epochs=epochs,
        shuffle=shuffle,
        validation_data=(validation.images, validation.labels),
        validation_batch_size=VALIDATION_BATCH,
        verbose=0,
    ).history
    return model, history["loss"][-1]


def compare(train: ImageSet, validation: ImageSet) -> None:
    """Train both for one epoch in the same order; end the process where loss or weights differ."""
    model, loss = ours(train, validation, epochs=1)
    order = np.random.default_rng(SEED).permutation(len(train))  # what `training.train` draws
    peer, peer_loss = fit(train[order], validation, epochs=1, shuffle=False)
    apart = max(float(np.abs(a - b).max()) for a, b in zip(model.get_weights(), peer.get_weights(), strict=True))
    print(f"one epoch in the same order: loss {loss:.6f} and {peer_loss:.6f}, weights at most {apart:.1g} apart")
    if abs(loss - peer_loss) > TOLERANCE or apart > TOLERANCE:
        sys.exit(f"expected losses and weights within {TOLERANCE:g}: the two do not do the same work")


def _build() -> keras.Model:
    """Return the network, with the same weights and the same dropout in every call."""
    keras.utils.set_random_seed(SEED)
    return networks.build("one_convolution", shape=SHAPE, classes=CLASSES)


def main() -> None:
    """Read the command line, compare, time, report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--images", type=timing.positive, default=20_000, help="default: %(default)s")
    parser.add_argument("--epochs", type=timing.positive, default=3, help="of each call; default: %(default)s")
    parser.add_argument("--rounds", type=timing.positive, default=3, help="default: %(default)s")
    given = parser.parse_args()
    runtime.start(seed=SEED, threads=THREADS)
    tf.get_logger().setLevel("ERROR")  # it warns that each call traces its functions anew, which is meant here
    generator = np.random.default_rng(SEED)
    images = generator.random((given.images, *SHAPE), dtype=np.float32)
    train = ImageSet(images, generator.integers(CLASSES, size=given.images))
    validation = train[:VALIDATION_BATCH]
    print(f"{THREADS} threads, deterministic operations, for both")
    print(f"{given.images:,} random images, batches of {BATCH}, {given.epochs} epochs a call, {given.rounds} rounds")
    compare(train, validation)
    calls = {"robust_digits.learn.training": ours, "keras.Model.fit": fit}
    contenders = {name: partial(call, train, validation, epochs=given.epochs) for name, call in calls.items()}
    seconds = timing.alternate(contenders, rounds=given.rounds)
    timing.report(seconds, unit="seconds per epoch", figure=lambda call: call / given.epochs, decimals=2)


if __name__ == "__main__":
    main()
