"""Craft a set by one attack against the baseline: of the first training images, and of every test image."""

from pathlib import Path
from typing import Annotated

from robust_digits.attack.table import ATTACKS
from robust_digits.command import run
from robust_digits.crew import engine
from robust_digits.data import images
from robust_digits.mix.settings import Crafting
from robust_digits.params import Fraction, Section, Seed, Threads


class Craft(Crafting):
    """The attacks, and the fraction of the training images (the first ones) that sets are crafted from."""

    fraction: Fraction


class Params(Section):
    """What this stage reads from params.yaml."""

    seed: Seed
    threads: Threads
    craft: Craft


def main(
    params: Params,
    attack: Annotated[str, "the attack, one of craft.attacks"],
    model: Annotated[Path, "input: the baseline"],
    train: Annotated[Path, "input: the training images"],
    test: Annotated[Path, "input: the test images"],
    crafted_train: Annotated[Path, "output: the training images under the attack"],
    crafted_test: Annotated[Path, "output: the test images under the attack"],
) -> None:
    settings = params.craft.attacks.of(attack)

    with engine.executor() as workers:
        from robust_digits import runtime
        from robust_digits.attack.suite import Suite
        from robust_digits.crew import keeper
        from robust_digits.crew.work import Crew
        from robust_digits.learn import models
        from robust_digits.mix import crafting

        runtime.start(seed=params.seed, threads=params.threads)
        train_set, test_set = images.load(train), images.load(test)
        first = train_set[: max(1, int(len(train_set) * params.craft.fraction))]
        blocks = keeper.Blocks(keeper.folder(model, threads=params.threads) / f"craft-{attack}")
        suite = Suite(
            models.load(model, train_set),
            eps=params.craft.eps,
            seed=params.seed,
            norm=params.craft.norm,
            keeper=blocks,
            crew=Crew(workers, model, threads=params.threads) if workers else None,
        )
        done = []
        for whole, folder in ((first, crafted_train), (test_set, crafted_test)):
            few = whole[: getattr(settings, "samples", len(whole))]
            images.save(folder, crafting.craft(suite, attack, settings, few), count=len(few))
            done.append(f"{len(few)} images -> {folder}")
    blocks.forget()
    size = f"L{params.craft.norm} eps {params.craft.eps:g}" if ATTACKS[attack].bounded else "of whatever size"
    print(f"{ATTACKS[attack].label}, {size}: {', '.join(done)}")


if __name__ == "__main__":
    run(main)
