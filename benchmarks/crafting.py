"""Images per second of the Fast Gradient Method: as this project crafts, and through ART's own classifier.

Before anything is timed, both craft every image, and for the same batch size the bytes must be the same. This project's
time includes its check that no perturbation leaves its bounds.
"""

import argparse
import sys
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks import timing
from robust_digits import runtime
from robust_digits.attack import fgm
from robust_digits.attack.classifier import BATCH, Classifier, TensorFlowV2Classifier, evasion
from robust_digits.data.images import ImageSet
from robust_digits.learn import networks
from robust_digits.runtime import keras

SEED, THREADS = 0, 2
SHAPE, CLASSES = (28, 28, 1), 10
EPS = 0.2
ART_BATCH = 32  # the default of ART's attacks


def ours(classifier: Classifier, whole: ImageSet) -> NDArray[np.float32]:
    """Craft with this project."""
    crafted = fgm.craft(classifier, whole, norm="inf", eps=EPS, what="crafting")
    return np.concatenate([part.images for part in crafted])


def plain(classifier: TensorFlowV2Classifier, whole: ImageSet, *, batch_size: int) -> NDArray[np.float32]:
    """Craft with ART alone."""
    attack = evasion.FastGradientMethod(classifier, norm=np.inf, eps=EPS, eps_step=EPS, batch_size=batch_size)
    crafted: NDArray[np.float32] = attack.generate(whole.images, whole.labels)
    return crafted


def main() -> None:
    """Read the command line, compare, time, report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crafting", description=__doc__)
    parser.add_argument("--images", type=timing.positive, default=10_000, help="default: %(default)s")
    parser.add_argument("--rounds", type=timing.positive, default=5, help="default: %(default)s")
    given = parser.parse_args()
    runtime.start(seed=SEED, threads=THREADS)
    generator = np.random.default_rng(SEED)
    images = generator.random((given.images, *SHAPE), dtype=np.float32)
    whole = ImageSet(images, generator.integers(CLASSES, size=given.images))
    model = networks.build("one_convolution", shape=SHAPE, classes=CLASSES)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, reduction="sum")
    classifier = TensorFlowV2Classifier(model, CLASSES, SHAPE, loss_object=loss, clip_values=(0.0, 1.0))
    contenders = {
        f"robust_digits.attack.fgm, batch {BATCH}": partial(ours, Classifier(model), whole),
        f"ART alone, batch {BATCH}": partial(plain, classifier, whole, batch_size=BATCH),
        f"ART alone, batch {ART_BATCH} (its default)": partial(plain, classifier, whole, batch_size=ART_BATCH),
    }
    print(f"{given.images:,} random images, {THREADS} threads, deterministic operations; {given.rounds} rounds")
    first, *others = (call() for call in contenders.values())
    for name, other in zip(list(contenders)[1:], others, strict=True):
        print(f"{name}: {np.count_nonzero(first != other):,} of {first.size:,} pixels differ from ours")
    if first.tobytes() != others[0].tobytes():
        sys.exit("expected the same bytes for the same batch size")
    seconds = timing.alternate(contenders, rounds=given.rounds)
    timing.report(seconds, unit="images per second", figure=lambda call: given.images / call, decimals=0)


if __name__ == "__main__":
    main()
