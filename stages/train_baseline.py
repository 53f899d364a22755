"""Train the baseline: the model that the attacks are first crafted against."""

import time
from pathlib import Path
from typing import Annotated

from robust_digits.command import run
from robust_digits.data import images
from robust_digits.learn.choices import Architecture, Loss, Optimizer
from robust_digits.learn.settings import Augmentation, Part
from robust_digits.params import Count, Positive, Section, Seed, Threads


class Train(Section):
    """The network, what is set of it (None: its own value), and how it is trained."""

    architecture: Architecture
    depth: Count | None
    width: Count | None
    kernel_size: Count | None
    dropout: Part | None
    optimizer: Optimizer
    learning_rate: Positive
    loss: Loss
    epochs: Count
    batch_size: Count
    augmentation: Augmentation


class Params(Section):
    """What this stage reads from params.yaml."""

    seed: Seed
    threads: Threads
    train: Train


def main(
    params: Params,
    train: Annotated[Path, "input: the training images"],
    validation: Annotated[Path, "input: the validation images"],
    model: Annotated[Path, "output: the baseline"],
    history: Annotated[Path, "output: its accuracy and loss after each epoch, as CSV"],
) -> None:
    from robust_digits import runtime
    from robust_digits.cache import stopwatch
    from robust_digits.learn import models, networks, training
    from robust_digits.learn.distortion import distortion
    from robust_digits.learn.losses import LOSSES

    runtime.start(seed=params.seed, threads=params.threads)
    train_set = images.load(train)
    baseline = networks.build(
        params.train.architecture,
        shape=train_set.images.shape[1:],
        classes=int(train_set.labels.max()) + 1,
        options={
            "depth": params.train.depth,
            "width": params.train.width,
            "kernel_size": params.train.kernel_size,
            "dropout": params.train.dropout,
        },
    )
    baseline.summary()
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
        loss=LOSSES[params.train.loss],
        distort=distortion(params.train.augmentation, seed=params.seed),
    )
    seconds = time.monotonic() - started
    models.save(baseline, model)
    stopwatch.note(model, seconds)
    training.save_history(history, epochs)
    print(f"{epochs[-1]} -> {model}")


if __name__ == "__main__":
    run(main)
