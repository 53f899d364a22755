"""What detectors say of made-up images: few, and known one by one."""

import numpy as np

from robust_digits.detect.scores import EVASION, VALIDATION, Seen

COUNT = 20


def views(*, seed: int = 0) -> dict[str, Seen]:
    """Return the views of a detector on twenty images: the old set scores high, one that knows it as clean ones do.

    Clean the model is wrong about the last image; the old set breaks all, FGM the first ten, who knows the detector
    the first fifteen. Clean scores are at most 1, and that of image 0 is above those of all validation images.
    """
    generator = np.random.default_rng(seed)
    rows = np.arange(COUNT)

    def seen(wrong: int, low: float, high: float) -> Seen:
        labels = rows % 3
        predicted = np.where((rows < wrong) | (rows == COUNT - 1), (labels + 1) % 3, labels)
        return Seen(labels, predicted, generator.uniform(low, high, COUNT).astype(np.float32).astype(np.float64))

    clean = seen(0, 0.0, 0.4)
    clean.scores[0] = 1.0
    validation = Seen(rows % 3, rows % 3, rows / 40.0)
    return {
        VALIDATION: validation,
        "clean": clean,
        "fgm_transfer": seen(COUNT, 2.0, 3.0),
        "fgm": seen(10, 0.45, 2.0),
        EVASION: seen(15, 0.0, 0.4),
    }
