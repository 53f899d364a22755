"""Fool a model with one picture: put the gradient on it, and see what becomes of the probabilities.

In L2 the gradient is brought to a length, in L-infinity its signs to a size: the two Fast Gradient Methods.
"""

import argparse
from pathlib import Path

from robust_digits.command import guarded
from robust_digits.data import images
from robust_digits.errors import InputError
from robust_digits.params import Positive, Section, Seed, Threads, load, parse


class Params(Section):
    """What this command reads from params.yaml."""

    seed: Seed
    threads: Threads


class Multiples(Section):
    """How much is added, in either norm."""

    l2: Positive
    linf: Positive


def lab(params: Params, model: Path, shown: Path, picture: Path, *, number: int, multiples: Multiples) -> None:
    """Draw the image of this number before and after, in both norms; -1 is the last one.

    Raises
    ------
    InputError
        If there is no such image.
    """
    import numpy as np  # noqa: PLC0415
    from scipy.special import softmax  # noqa: PLC0415

    from robust_digits import runtime  # noqa: PLC0415 (after the parameters are checked)
    from robust_digits.attack import fgm  # noqa: PLC0415
    from robust_digits.attack.classifier import Classifier  # noqa: PLC0415
    from robust_digits.draw import lab as pictures  # noqa: PLC0415
    from robust_digits.learn import models  # noqa: PLC0415

    whole = images.load(shown)
    if not -len(whole) <= number < len(whole):
        raise InputError(f"--image: expected 0 to {len(whole) - 1}, or -1 for the last one, in {shown}; got {number}")
    place = number % len(whole)
    runtime.start(seed=params.seed, threads=params.threads)
    classifier, one = Classifier(models.load(model, whole)), whole[place : place + 1]
    clean, label = np.asarray(one.images), int(one.labels[0])
    moved = {}
    for name, norm, eps, added in (
        ("L2", 2, multiples.l2, "the gradient, brought to\nan L2 length of {:g}"),
        ("Linf", "inf", multiples.linf, "the signs of the gradient,\ntimes {:g} (L-infinity)"),
    ):
        (crafted,) = fgm.craft(classifier, one, norm=norm, eps=eps, what=name)
        after = softmax(classifier.predict(crafted.images)[0])
        moved[added.format(eps)] = pictures.Moved(crafted.images[0] - clean[0], crafted.images[0], after)
        print(f"{name} {eps:g}: {label} is taken for {after.argmax()}, with {after.max():.0%}")
    pictures.pushed(
        picture,
        moved,
        what=f"{model.stem}: image {place} of {shown.name}",
        label=label,
        image=clean[0],
        before=softmax(classifier.predict(clean)[0]),
    )


@guarded
def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m robust_digits.study.lab", description=__doc__)
    parser.add_argument("model", type=Path, help="models/<model>.keras")
    parser.add_argument("shown", type=Path, help="the images, data/normalized/test or another part")
    parser.add_argument("picture", type=Path, help="PNG file to write")
    parser.add_argument("--image", type=int, default=0, help="number of the image (default 0; -1 is the last one)")
    parser.add_argument("--l2", type=float, default=3.0, help="length of the gradient in L2 (default 3)")
    parser.add_argument("--linf", type=float, default=0.15, help="size of its signs in L-infinity (default 0.15)")
    given = parser.parse_args()
    multiples = parse(Multiples, {"l2": given.l2, "linf": given.linf}, where="command line")
    lab(load(Params), given.model, given.shown, given.picture, number=given.image, multiples=multiples)
    print(f"{given.model.stem}, image {given.image} of {given.shown} -> {given.picture}")


if __name__ == "__main__":
    main()
