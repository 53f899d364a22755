"""Extend the training set by adversarial images, each with the label of the image it was made from."""

from itertools import chain
from pathlib import Path
from typing import Annotated

from pydantic import ValidationInfo, field_validator

from robust_digits.command import run
from robust_digits.data import images
from robust_digits.mix.settings import Crafted, Shares
from robust_digits.params import Section


class Craft(Section, others=("norm", "eps", "fraction")):
    """The attacks that there are sets of."""

    attacks: Crafted


class Augment(Section):
    """How much of each set joins the training images."""

    attacks: Shares


class Params(Section):
    """What this stage reads from params.yaml."""

    craft: Craft
    augment: Augment

    @field_validator("augment")
    @classmethod
    def _crafted(cls, augment: Augment, told: ValidationInfo) -> Augment:
        """Refuse a share of a set that nobody crafts."""
        if "craft" in told.data:
            crafted = told.data["craft"].attacks.chosen()
            missing = [name for name in augment.attacks.chosen() if name not in crafted]
            if missing:
                raise ValueError(f"expected attacks of craft.attacks ({', '.join(crafted)}), not {', '.join(missing)}")
        return augment


def main(
    params: Params,
    train: Annotated[Path, "input: the training images"],
    adversarial: Annotated[Path, "input: a folder with a set for each attack, of adversarial images made of them"],
    augmented: Annotated[Path, "output: the training images, then a share of each set"],
) -> None:
    shares = params.augment.attacks.chosen()
    sets = {name: images.load(adversarial / name) for name in params.craft.attacks.chosen() if name in shares}
    parts = [images.load(train), *(each[: max(1, int(len(each) * shares[name]))] for name, each in sets.items())]
    count = sum(map(len, parts))
    images.save(augmented, chain.from_iterable(part.batches() for part in parts), count=count)
    said = ", ".join(f"{len(part)} {name}" for name, part in zip(("clean", *sets), parts, strict=True))
    print(f"{said} images -> {augmented}")


if __name__ == "__main__":
    run(main)
