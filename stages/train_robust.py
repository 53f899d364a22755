"""Train the robust model: the baseline, or its network with fresh weights, on the augmented training set."""

import time
from pathlib import Path
from typing import Annotated, Literal

from robust_digits.command import run
from robust_digits.data import images
from robust_digits.learn.choices import Optimizer
from robust_digits.params import Count, Positive, Section, Seed, Threads


class Retrain(Section):
    """Where training starts (`baseline`: from its weights, as the tutorial does) and how it goes on."""

    init: Literal["baseline", "scratch"]
    optimizer: Optimizer
    learning_rate: Positive
    epochs: Count
    batch_size: Count


class Params(Section):
    """What this stage reads from params.yaml."""

    seed: Seed
    threads: Threads
    retrain: Retrain


def main(
    params: Params,
    augmented: Annotated[Path, "input: the clean and adversarial training images"],
    validation: Annotated[Path, "input: the validation images"],
    baseline: Annotated[Path, "input: the baseline"],
    model: Annotated[Path, "output: the robust model"],
    history: Annotated[Path, "output: its accuracy and loss after each epoch, as CSV"],
) -> None:
    from robust_digits import runtime
    from robust_digits.cache import stopwatch
    from robust_digits.learn import models, training

    runtime.start(seed=params.seed, threads=params.threads)
    train_set = images.load(augmented)
    robust = models.load(baseline, train_set)
    if params.retrain.init == "scratch":
        robust = models.fresh(robust)
    robust.summary()
    started = time.monotonic()
    epochs = training.train(
        robust,
        train_set,
        images.load(validation),
        optimizer=params.retrain.optimizer,
        learning_rate=params.retrain.learning_rate,
        epochs=params.retrain.epochs,
        batch_size=params.retrain.batch_size,
        seed=params.seed,
        section="retrain",
    )
    seconds = time.monotonic() - started
    models.save(robust, model)
    stopwatch.note(model, seconds)
    training.save_history(history, epochs)
    print(f"{epochs[-1]} -> {model}")


if __name__ == "__main__":
    run(main)
