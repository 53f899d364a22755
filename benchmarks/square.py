"""Images per second of the Square attack, and how many it breaks: this project's, and ART's.

Both have the same number of steps an image. The network is untrained, and the attack is small enough that some images
stand to the end, as those of a robust model do: they are what takes the time.
"""

import argparse
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks import timing
from robust_digits import runtime
from robust_digits.attack.classifier import Classifier, evasion
from robust_digits.attack.square import Square
from robust_digits.data.images import ImageSet
from robust_digits.learn import networks

SEED, THREADS = 0, 2
SHAPE, CLASSES = (28, 28, 1), 10
EPS = 0.02  # small enough that not every image falls


def ours(attack: Square, whole: ImageSet, *, queries: int) -> NDArray[np.float32]:
    """Attack with this project."""
    generators = [np.random.default_rng((SEED, index)) for index in range(len(whole))]
    return attack.attack(whole.images, whole.labels, eps=EPS, queries=queries, generators=generators)


def art(classifier: Classifier, whole: ImageSet, *, queries: int) -> NDArray[np.float32]:
    """Attack with ART, which counts steps: each asks three times."""
    np.random.seed(SEED)  # noqa: NPY002 (where ART draws from)
    attack = evasion.SquareAttack(
        classifier, eps=EPS, max_iter=queries, p_init=0.8, batch_size=len(whole), verbose=False
    )
    found: NDArray[np.float32] = attack.generate(whole.images, whole.labels)
    return found


def main() -> None:
    """Read the command line, compare, time, report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.square", description=__doc__)
    parser.add_argument("--images", type=timing.positive, default=500, help="default: %(default)s")
    parser.add_argument("--queries", type=timing.positive, default=200, help="default: %(default)s")
    parser.add_argument("--rounds", type=timing.positive, default=3, help="default: %(default)s")
    given = parser.parse_args()
    runtime.start(seed=SEED, threads=THREADS)
    model = networks.build("one_convolution", shape=SHAPE, classes=CLASSES)
    classifier = Classifier(model)
    images = np.random.default_rng(SEED).random((given.images, *SHAPE), dtype=np.float32)
    whole = ImageSet(images, classifier.predict(images).argmax(axis=1))
    contenders = {
        "robust_digits.attack.square": partial(ours, Square(model, norm="inf"), whole, queries=given.queries),
        "ART": partial(art, classifier, whole, queries=given.queries),
    }
    print(f"{given.images:,} random images, {given.queries} queries, {THREADS} threads; {given.rounds} rounds")
    for name, call in contenders.items():
        standing = classifier.predict(call()).argmax(axis=1) == whole.labels
        print(f"{name}: {standing.mean():.1%} of the images still stand")
    seconds = timing.alternate(contenders, rounds=given.rounds)
    timing.report(seconds, unit="images per second", figure=lambda call: given.images / call, decimals=0)


if __name__ == "__main__":
    main()
