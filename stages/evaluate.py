"""Judge one model on the test images: clean, on the old adversarial set, and attacked afresh."""

import json
from pathlib import Path

from robust_digits.command import run
from robust_digits.data import images
from robust_digits.files import replacing
from robust_digits.params import Norm, Positive, Section, Seed, Threads


class Craft(Section, others=("fraction",)):
    """The attack that the old adversarial set was made with; the fresh one is the same."""

    norm: Norm
    eps: Positive


class Params(Section):
    """What this stage reads from params.yaml."""

    seed: Seed
    threads: Threads
    craft: Craft


def main(
    params: Params, model: Path, test: Path, adversarial: Path, metrics: Path, verdicts: Path, shown: Path
) -> None:
    from robust_digits import runtime
    from robust_digits.attack.classifier import Classifier
    from robust_digits.judge import evaluation, evidence, scoring
    from robust_digits.learn import models

    runtime.start(seed=params.seed, threads=params.threads)
    found = evaluation.evaluate(
        Classifier(models.load(model)),
        images.load(test),
        images.load(adversarial),
        norm=params.craft.norm,
        eps=params.craft.eps,
    )
    scores = scoring.metrics(found.verdicts())
    with replacing(metrics) as temporary:
        temporary.write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8", newline="\n")
    evidence.save_verdicts(verdicts, found)
    evidence.save(shown, found)
    line = ", ".join(f"{name} {value:.2%}" for name, value in scores["accuracy"].items())
    print(f"{model.stem}: {line} -> {metrics}")


if __name__ == "__main__":
    run(main)
