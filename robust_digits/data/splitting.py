"""Split a labelled image set into parts with the same share of every class."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from robust_digits.arrays import scratch
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError


def hold_out(whole: ImageSet, *, share: float, seed: int, name: str) -> tuple[ImageSet, ImageSet]:
    """Return the images that stay and the `share` of them held out, drawn by `seed`, both in their first order.

    Raises
    ------
    InputError
        If a class has too few images for both parts, naming the parameter `name` that asked for the split.
    """
    classes, counts = np.unique(whole.labels, return_counts=True)
    held = round(share * len(whole))
    too_few = InputError(
        f"{name}: too few images to hold out {share} with every class in both parts: "
        f"{len(whole)} images of {len(classes)} classes, {counts.min()} of the rarest"
    )
    if counts.min() < 2 or held < len(classes) or len(whole) - held < len(classes):  # noqa: PLR2004 (one for each part)
        raise too_few
    kept, out = train_test_split(np.arange(len(whole)), test_size=held, random_state=seed, stratify=whole.labels)
    rows = np.sort(kept), np.sort(out)
    stay, held_out = (ImageSet(scratch.taken(whole.images, each), whole.labels[each]) for each in rows)
    if any(len(np.unique(part.labels)) < len(classes) for part in (stay, held_out)):
        raise too_few
    return stay, held_out


def noisy_copies(part: ImageSet, *, copies: int, seed: int) -> Iterator[ImageSet]:
    """Yield an image set, then so many copies of it with labels that `seed` draws, each class equally likely.

    So Rolnick et al. 2017 ("Deep Learning is Robust to Massive Label Noise") add labels that say nothing to each that
    is right.
    """
    yield part
    classes = int(part.labels.max()) + 1
    for number in range(copies):
        drawn = np.random.default_rng((seed, number)).integers(classes, size=len(part), dtype=np.int64)
        yield ImageSet(part.images, drawn)


def check_classes(train: NDArray[np.int64], test: NDArray[np.int64], *, where: object) -> int:
    """Return the number of classes k: training labels are 0...k-1, each present, and test labels are among them.

    Raises
    ------
    InputError
        If a label is negative or missing below the largest, a test label is unknown, or there is only one class.
    """
    classes = np.unique(train)
    if len(classes) < 2 or not np.array_equal(classes, np.arange(len(classes))):  # noqa: PLR2004 (a choice needs two)
        raise InputError(f"{where}: expected labels 0...k-1, each present, k at least 2, got {_listed(classes)}")
    unknown = np.setdiff1d(test, classes)
    if unknown.size:
        raise InputError(f"{where}: expected test labels in 0...{classes[-1]}, got {_listed(unknown)}")
    return len(classes)


def _listed(labels: NDArray[np.int64], most: int = 20) -> str:
    return ", ".join(map(str, labels[:most])) + (", ..." if len(labels) > most else "")
