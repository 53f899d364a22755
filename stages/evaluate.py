"""Judge one model on the test images: clean, on the transfer set, white-box, by every attack, and by proof."""

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field

from robust_digits.attack.settings import Attacks
from robust_digits.command import run
from robust_digits.data import images
from robust_digits.files import replacing
from robust_digits.params import Count, Norm, Positive, Section, Seed, Sizes, Threads


class Craft(Section, others=("fraction",)):
    """The attack that the transfer set was made with; the fresh one is the same."""

    norm: Norm
    eps: Positive


class Curve(Section):
    """Where accuracy over eps is measured, with how many steps of PGD, on how many of the first test images."""

    samples: Count
    steps: Count
    linf: Sizes
    l2: Sizes


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
    params: Params, model: Path, test: Path, adversarial: Path, metrics: Path, verdicts: Path, found: Path
) -> None:
    from robust_digits import runtime
    from robust_digits.attack.suite import Suite
    from robust_digits.judge import evidence, scoring
    from robust_digits.judge.evaluation import Trial
    from robust_digits.learn import models

    runtime.start(seed=params.seed, threads=params.threads)
    suite = Suite(models.load(model), eps=params.evaluate.eps, seed=params.seed)
    trial = Trial(suite, images.load(test), images.load(adversarial))
    trial.tutorial(norm=params.craft.norm, eps=params.craft.eps)
    attacks = params.evaluate.attacks.chosen()
    trial.attack(attacks)
    curve = params.evaluate.curve
    trial.curve(linf=curve.linf, l2=curve.l2, steps=curve.steps, samples=curve.samples, seed=params.seed)
    uncertified = trial.certify(linf=curve.linf, samples=curve.samples)
    trial.probe(attacks, steps=curve.steps, samples=curve.samples, seed=params.seed)
    judged = trial.evidence()
    scores = scoring.metrics(judged.verdicts(), certified=judged.certified, uncertified=uncertified)
    with replacing(metrics) as temporary:
        temporary.write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8", newline="\n")
    evidence.save_verdicts(verdicts, judged)
    evidence.save(found, judged)
    line = ", ".join(f"{name} {value:.1%}" for name, value in scores["accuracy"].items())
    proven = f"not certified: {uncertified}" if uncertified else f"certified {scores['certified']['accuracy']:.1%}"
    print(f"{model.stem}: {line}, {proven} -> {metrics}")


if __name__ == "__main__":
    run(main)
