"""Train the hardened model: a network trained on the fly against attacks on itself, or against bounds of them."""

from pathlib import Path
from typing import Annotated

from robust_digits.command import run
from robust_digits.data import images
from robust_digits.learn.recipe import Recipe
from robust_digits.params import Section, Seed, Threads


class Params(Section):
    """What this stage reads from params.yaml."""

    seed: Seed
    threads: Threads
    harden: Recipe


def main(
    params: Params,
    train: Annotated[Path, "input: the training images"],
    validation: Annotated[Path, "input: the validation images, which choose the epoch to keep"],
    model: Annotated[Path, "output: the hardened model"],
    history: Annotated[Path, "output: its accuracy after each epoch, clean and attacked, as CSV"],
) -> None:
    from robust_digits import runtime
    from robust_digits.cache import stopwatch
    from robust_digits.learn import checkpoint, models, networks, training
    from robust_digits.learn.hardening import Hardening

    runtime.start(seed=params.seed, threads=params.threads)
    train_set, validation_set = images.load(train), images.load(validation)
    hardened = networks.build(
        params.harden.architecture,
        shape=train_set.images.shape[1:],
        classes=int(train_set.labels.max()) + 1,
        section="harden",
        options={"width": params.harden.width},
    )
    hardened.summary()
    hardening = Hardening(hardened, train_set, validation_set, params.harden, seed=params.seed)
    hardening.run(checkpoint.path(params.model_dump_json(), train_set, validation_set))
    models.save(hardened, model)
    training.save_history(history, hardening.history)
    stopwatch.note(model, hardening.seconds)
    print(f"kept {hardening.best()} -> {model}")


if __name__ == "__main__":
    run(main)
