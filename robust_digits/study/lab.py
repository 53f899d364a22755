"""Fool a model with one picture: put a multiple of the gradient on it, and see what becomes of the probabilities.

In L2 the multiple is of the gradient brought to length 1, in L-infinity of its signs: the two Fast Gradient Methods.
"""

import argparse
from pathlib import Path
from typing import Any

from robust_digits.command import guarded
from robust_digits.data import images
from robust_digits.errors import InputError
from robust_digits.params import Positive, Section, Seed, Threads, load, parse


class Params(Section):
    """What this command reads from params.yaml."""

    seed: Seed
    threads: Threads


class Multiples(Section):
    """How much of the gradient is added, in either norm."""

    l2: Positive
    linf: Positive


def lab(params: Params, model: Path, test: Path, picture: Path, *, number: int, multiples: Multiples) -> None:
    """Draw the test image of this number before and after, in both norms.

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
    from robust_digits.draw import lab as charts_lab  # noqa: PLC0415
    from robust_digits.learn import models  # noqa: PLC0415

    whole = images.load(test)
    if not 0 <= number < len(whole):
        raise InputError(f"--image: expected 0 to {len(whole) - 1}, the test images; got {number}")
    runtime.start(seed=params.seed, threads=params.threads)
    classifier, one = Classifier(models.load(model, whole)), whole[number : number + 1]
    clean, label = np.asarray(one.images), int(one.labels[0])
    shared: dict[str, Any] = {
        "image": clean[0],
        "before": softmax(classifier.predict(clean)[0]),
        "gradient": classifier.loss_gradient(clean, np.eye(classifier.nb_classes, dtype=np.float32)[[label]])[0],
    }
    rows = {}
    for name, norm, eps in (("L2", 2, multiples.l2), ("Linf", "inf", multiples.linf)):
        (moved,) = fgm.craft(classifier, one, norm=norm, eps=eps, what=name)
        after = softmax(classifier.predict(moved.images)[0])
        rows[f"{eps:g} of it in {name}"] = {
            **shared,
            "added": moved.images[0] - clean[0],
            "sum": moved.images[0],
            "after": after,
        }
        print(f"{name} {eps:g}: {label} is taken for {after.argmax()}, with {after.max():.0%}")
    charts_lab.hacked(picture, rows, label=label)


@guarded
def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m robust_digits.study.lab", description=__doc__)
    parser.add_argument("model", type=Path, help="models/<model>.keras")
    parser.add_argument("test", type=Path, help="the test images, data/normalized/test")
    parser.add_argument("picture", type=Path, help="PNG file to write")
    parser.add_argument("--image", type=int, default=0, help="number of the test image (default 0)")
    parser.add_argument("--l2", type=float, default=3.0, help="multiple in L2 (default 3)")
    parser.add_argument("--linf", type=float, default=0.15, help="multiple in L-infinity (default 0.15)")
    given = parser.parse_args()
    multiples = parse(Multiples, {"l2": given.l2, "linf": given.linf}, where="command line")
    lab(load(Params), given.model, given.test, given.picture, number=given.image, multiples=multiples)
    print(f"{given.model.stem}, test image {given.image} -> {given.picture}")


if __name__ == "__main__":
    main()
