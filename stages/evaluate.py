"""Judge one model on the test images: clean, under FGM from the baseline and from itself, by every attack, by proof."""

import time
from pathlib import Path
from typing import Annotated

from pydantic import Field

from robust_digits.attack.table import Attacks
from robust_digits.command import run
from robust_digits.crew import engine
from robust_digits.data import images
from robust_digits.judge.settings import Curve
from robust_digits.mix.settings import FGM, Crafting
from robust_digits.params import Positive, Section, Seed, Threads


class Craft(Crafting, others=("fraction",)):
    """The attacks that the transfer sets were made with; FGM against this very model is the same."""


class Evaluate(Section):
    """The radius of the L-infinity ball, what a model must survive in it, and the curve."""

    eps: Annotated[Positive, Field(le=1)]
    attacks: Attacks
    curve: Curve


class Params(Section):
    """What this stage reads from params.yaml."""

    seed: Seed
    threads: Threads
    craft: Craft
    evaluate: Evaluate


def main(
    params: Params,
    model: Annotated[Path, "input: a model that gives logits"],
    test: Annotated[Path, "input: the test images"],
    transfer: Annotated[Path, "input: a folder with a set of them for each attack, crafted against the baseline"],
    found: Annotated[Path, "output: the evidence, what every attack and every proof found for each image"],
) -> None:
    with engine.executor() as workers:
        from robust_digits import runtime
        from robust_digits.attack.suite import Suite
        from robust_digits.cache import stopwatch
        from robust_digits.crew import keeper
        from robust_digits.crew.proofs import Provers
        from robust_digits.crew.work import Crew
        from robust_digits.judge import evaluation, evidence
        from robust_digits.judge.showing import Transferred
        from robust_digits.learn import models

        runtime.start(seed=params.seed, threads=params.threads)
        test_set = images.load(test)
        start = time.perf_counter()
        blocks = keeper.Blocks(keeper.folder(model, threads=params.threads))
        crew = Crew(workers, model, threads=params.threads) if workers else None
        suite = Suite(models.load(model, test_set), eps=params.evaluate.eps, seed=params.seed, keeper=blocks, crew=crew)
        sets = {
            name: Transferred(images.load(transfer / name), settings)
            for name, settings in params.craft.attacks.chosen().items()
        }
        judged = evaluation.judge(
            suite,
            test_set,
            sets.pop(FGM).images,
            norm=params.craft.norm,
            eps=params.craft.eps,
            further=sets,
            attacks=params.evaluate.attacks.chosen(),
            curve=params.evaluate.curve,
            seed=params.seed,
            prover=Provers(workers, model, threads=params.threads) if workers else None,
        )
    evidence.save(found, judged)
    stopwatch.note(found, time.perf_counter() - start + blocks.earlier)
    blocks.forget()
    print(f"{model.stem}: {len(judged.labels)} test images in {len(judged.predictions)} views -> {found}")


if __name__ == "__main__":
    run(main)
