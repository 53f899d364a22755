"""Evidence that no model left: made up, small, and known image by image."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from robust_digits.data.images import ImageSet
from robust_digits.judge.evidence import Evidence, Made
from robust_digits.judge.views import CERTIFIED, CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, WORST_CASE

SIDE = 6


def fabricated(*, classes: int = 3, channels: int = 1, wrong: int = 2, count: int = 12) -> tuple[ImageSet, Evidence]:
    """Return test images, class by class in turn, and evidence on them in which the first `wrong` clean ones are wrong.

    The transfer set breaks every second image, the white-box one all; of the suite `noise` breaks none, `pgd` all but
    the last, and `deepfool` saw the first half only.
    """
    generator = np.random.default_rng(0)
    labels = np.arange(count) % classes
    test = ImageSet(generator.random((count, SIDE, SIDE, channels), np.float32), labels)
    rows = np.arange(count)
    broken = {
        CLEAN: rows < wrong,
        FGM_TRANSFER: rows % 2 == 0,
        FGM_WHITE_BOX: rows >= 0,
        "noise": rows < wrong,
        "pgd": rows < count - 1,
        "deepfool": rows[: count // 2] >= 1,
    }
    predictions = {view: (labels[: len(fell)] + fell) % classes for view, fell in broken.items()}
    shown = np.arange(classes)
    shape = (classes, SIDE, SIDE, channels)
    noise = {view: generator.uniform(-0.2, 0.2, shape) if view != CLEAN else np.zeros(shape) for view in predictions}
    return test, Evidence(
        labels=labels,
        shown=shown,
        predictions=predictions,
        images={view: np.clip(test.images[shown] + shift, 0, 1).astype(np.float32) for view, shift in noise.items()},
        logits={view: 3 * np.eye(classes, dtype=np.float32)[each[shown]] for view, each in predictions.items()},
        pictured={view: np.round(test.images * 255).astype(np.uint8) for view in (CLEAN, WORST_CASE)},
        curves={
            "linf": np.array([[0.0, 0.9], [0.2, 0.4], [0.5, 0.0]]),
            "l2": np.array([[0.0, 0.9], [2.0, 0.1]]),
        },
        indicators={"eps": 0.2, "transfer_eps": 0.3, "curve_images": 10.0, "grey_bound": 0.4},
        made={
            **{view: Made("inf", 0.2) for view in predictions},
            CLEAN: Made(),
            FGM_TRANSFER: Made("inf", 0.3),
            FGM_WHITE_BOX: Made("inf", 0.3),
            WORST_CASE: Made("inf", 0.2, {"attacks": ["noise", "pgd", "deepfool"]}),
            CERTIFIED: Made("inf", 0.2, {"reason": "no bounds"}),
        },
        certified=None,
    )


def proven(found: Evidence, *, count: int = 1) -> Evidence:
    """Return evidence in which the last images are certified, and a curve half as high as that of the attacks."""
    rows = np.arange(len(found.labels))
    curve = found.curves["linf"] * [1, 0.5]
    return replace(found, certified=rows >= len(rows) - count, curves={**found.curves, CERTIFIED: curve})


def bare(predictions: Mapping[str, NDArray[np.int64]], labels: NDArray[np.int64]) -> Evidence:
    """Return evidence with nothing but answers, and how they were made."""
    shown = np.zeros(1, np.int64)
    made = dict.fromkeys([*predictions, WORST_CASE, CERTIFIED], Made())
    return Evidence(
        labels=labels,
        shown=shown,
        predictions=predictions,
        images={},
        logits={},
        pictured={},
        curves={},
        indicators={},
        made=made,
        certified=None,
    )
