"""What judging a model leaves behind: its predictions, and the images that the pictures are drawn from."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robust_digits import tables
from robust_digits.errors import InputError
from robust_digits.files import replacing

VIEWS = ("clean", "fgm_transfer", "fgm_fresh")


@dataclass(frozen=True)
class Evidence:
    """One model's answers on the n test images, and its logits on the few of them that are shown in pictures.

    `labels`, `clean`, `fgm_transfer` and `fgm_fresh` are int64 (n,): the truth, and the class predicted in each view.
    `shown` are the rows (k,) of the shown images, `adversarial` the fresh attack on those, float32 (k, height, width,
    channels); `clean_logits` and `adversarial_logits` are float32 (k, classes).
    """

    labels: NDArray[np.int64]
    clean: NDArray[np.int64]
    fgm_transfer: NDArray[np.int64]
    fgm_fresh: NDArray[np.int64]
    shown: NDArray[np.int64]
    adversarial: NDArray[np.float32]
    clean_logits: NDArray[np.float32]
    adversarial_logits: NDArray[np.float32]

    def predictions(self, view: str) -> NDArray[np.int64]:
        """Return the classes predicted in one of `VIEWS`."""
        predicted: NDArray[np.int64] = getattr(self, view)
        return predicted

    def verdicts(self) -> dict[str, NDArray[np.bool_]]:
        """Return for each view which images were classified right, bool (n,)."""
        return {view: self.predictions(view) == self.labels for view in VIEWS}


def save(path: Path, evidence: Evidence) -> None:
    """Write the evidence as an `.npz` file."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **vars(evidence))


def load(path: Path) -> Evidence:
    """Read the evidence that `save` wrote.

    Raises
    ------
    InputError
        If the file is missing or lacks an array.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Evidence(**{field.name: arrays[field.name] for field in fields(Evidence)})
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `dvc repro` or `dvc checkout` makes it") from None
    except (ValueError, KeyError, EOFError) as error:
        raise InputError(f"{path}: not the evidence of an evaluation: {error}") from None


def save_verdicts(path: Path, evidence: Evidence) -> None:
    """Write a CSV line for each test image: its row, label and clean prediction, and 1 (right) or 0 for each view."""
    right = evidence.verdicts()
    rows = (
        {
            "index": index,
            "label": int(label),
            "prediction": int(evidence.clean[index]),
            **{view: int(right[view][index]) for view in VIEWS},
        }
        for index, label in enumerate(evidence.labels)
    )
    tables.write(path, rows, columns=("index", "label", "prediction", *VIEWS))
