"""Write what the contenders of a row share, images, labels and network: `python -m benchmarks.network FOLDER IMAGES`.

The network is the tutorial's, untrained; the label of an image of random pixels is what it answers.
"""

import sys
from pathlib import Path

import numpy as np

from benchmarks import export
from benchmarks.inputs import CLASSES, SEED, SHAPE, THREADS
from robust_digits import runtime
from robust_digits.attack.classifier import Classifier
from robust_digits.data.images import ImageSet
from robust_digits.learn import models, networks


def main(folder: Path, count: int) -> None:
    """Write the files."""
    runtime.start(seed=SEED, threads=THREADS)
    model = networks.build("one_convolution", shape=SHAPE, classes=CLASSES)
    images = np.random.default_rng(SEED).random((count, *SHAPE), dtype=np.float32)
    logits = Classifier(model).predict(images)
    models.save(model, folder / "model.keras")
    export.write(folder, model, ImageSet(images, logits.argmax(axis=1)), logits, told={"threads": THREADS})


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
