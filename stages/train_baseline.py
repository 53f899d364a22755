"""Train the baseline: the model that the attacks are first crafted against."""

import time
from pathlib import Path

from robust_digits.command import run
from robust_digits.data import images
from robust_digits.learn.choices import Architecture, Optimizer
from robust_digits.params import Count, Positive, Section, Seed, Threads


class Train(Section):
    """The network and how it is trained."""

    architecture: Architecture
    optimizer: Optimizer
    learning_rate: Positive
    epochs: Count
    batch_size: Count


class Params(Section):
    """What this stage reads from params.yaml."""

    seed: Seed
    threads: Threads
    train: Train


def main(params: Params, train: Path, validation: Path, model: Path, history: Path) -> None:
    from robust_digits import runtime, stopwatch
    from robust_digits.learn import models, networks, training

    runtime.start(seed=params.seed, threads=params.threads)
    train_set = images.load(train)
    baseline = networks.build(
        params.train.architecture, shape=train_set.images.shape[1:], classes=int(train_set.labels.max()) + 1
    )
    started = time.monotonic()
    epochs = training.train(
        baseline,
        train_set,
        images.load(validation),
        optimizer=params.train.optimizer,
        learning_rate=params.train.learning_rate,
        epochs=params.train.epochs,
        batch_size=params.train.batch_size,
        seed=params.seed,
    )
    seconds = time.monotonic() - started
    models.save(baseline, model)
    stopwatch.note(model, seconds)
    training.save_history(history, epochs)
    print(f"{epochs[-1]} -> {model}")


if __name__ == "__main__":
    run(main)
