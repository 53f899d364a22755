"""Craft the Fast Gradient Method set against the baseline: the first training images, and every test image."""

from pathlib import Path
from typing import Annotated

from robust_digits.command import run
from robust_digits.data import images
from robust_digits.params import Fraction, Norm, Positive, Section, Seed, Threads


class Craft(Section):
    """The attack, and the fraction of the training images (the first ones) that it is crafted from."""

    norm: Norm
    eps: Positive
    fraction: Fraction


class Params(Section):
    """What this stage reads from params.yaml."""

    seed: Seed
    threads: Threads
    craft: Craft


def main(
    params: Params,
    model: Annotated[Path, "input: the baseline"],
    train: Annotated[Path, "input: the training images"],
    test: Annotated[Path, "input: the test images"],
    adversarial: Annotated[Path, "output: a folder with the adversarial images of each, train and test"],
) -> None:
    from robust_digits import runtime
    from robust_digits.attack import fgm
    from robust_digits.attack.classifier import Classifier
    from robust_digits.learn import models

    runtime.start(seed=params.seed, threads=params.threads)
    train_set, test_set = images.load(train), images.load(test)
    classifier = Classifier(models.load(model, train_set))
    first = max(1, int(len(train_set) * params.craft.fraction))
    for name, part in {"train": train_set[:first], "test": test_set}.items():
        crafted = fgm.craft(classifier, part, norm=params.craft.norm, eps=params.craft.eps, what=f"crafting {name}")
        images.save(adversarial / name, crafted, count=len(part))
    print(
        f"FGM, L{params.craft.norm} eps {params.craft.eps:g}: "
        f"{first} training and {len(test_set)} test images -> {adversarial}"
    )


if __name__ == "__main__":
    run(main)
