"""Try detectors beside one model: clean, under the attacks of the suite, and under one that knows the detector."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from robust_digits.attack.table import Attacks
from robust_digits.command import run
from robust_digits.data import images
from robust_digits.detect.settings import Detectors, Evading
from robust_digits.params import Count, Positive, Section, Seed, Threads


class Evaluate(Section, others=("curve",)):
    """The ball that all attacks stay in, and those that do not know the detector."""

    eps: Annotated[Positive, Field(le=1)]
    attacks: Attacks


class Detect(Section, others=("false_alarms",)):
    """The detectors, on how many of the first test images they are judged, and the attack that knows them."""

    samples: Count
    detectors: Detectors
    evasion: Evading


class Params(Section):
    """What this stage reads from params.yaml."""

    seed: Seed
    threads: Threads
    evaluate: Evaluate
    detect: Detect


def main(
    params: Params,
    model: Annotated[Path, "input: a model that gives logits"],
    train: Annotated[Path, "input: the training images, on which detectors are fitted"],
    validation: Annotated[Path, "input: the validation images, on which thresholds are chosen"],
    test: Annotated[Path, "input: the test images"],
    transfer: Annotated[Path, "input: the adversarial ones, crafted against the baseline"],
    found: Annotated[Path, "output: what each detector says of each image, as CSV"],
) -> None:
    from robust_digits import runtime
    from robust_digits.attack.suite import Suite
    from robust_digits.detect import detectors, scores, trial
    from robust_digits.learn import models

    runtime.start(seed=params.seed, threads=params.threads)
    few = images.load(test)[: params.detect.samples]
    network = models.load(model, few)
    tried = trial.run(
        Suite(network, eps=params.evaluate.eps, seed=params.seed),
        detectors.build(network, params.detect.detectors.chosen(), images.load(train)),
        trial.Shown(images.load(validation), few, images.load(transfer)[: params.detect.samples]),
        attacks=params.evaluate.attacks.chosen(),
        evading=params.detect.evasion,
        seed=params.seed,
    )
    scores.save(found, tried)
    print(f"{model.stem}: {', '.join(tried)} beside it, {len(few)} test images -> {found}")


if __name__ == "__main__":
    run(main)
