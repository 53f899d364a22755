"""Extend the training set by its adversarial images, each with the label of the image it was made from."""

from itertools import chain
from pathlib import Path
from typing import Annotated

from robust_digits.command import run
from robust_digits.data import images
from robust_digits.params import Section


class Params(Section):
    """Nothing: this stage depends on its inputs alone."""


def main(
    _: Params,
    train: Annotated[Path, "input: the training images"],
    adversarial: Annotated[Path, "input: the adversarial images made of them"],
    augmented: Annotated[Path, "output: both, in this order"],
) -> None:
    clean, crafted = images.load(train), images.load(adversarial)
    images.save(augmented, chain(clean.batches(), crafted.batches()), count=len(clean) + len(crafted))
    print(f"{len(clean)} clean and {len(crafted)} adversarial images -> {augmented}")


if __name__ == "__main__":
    run(main)
