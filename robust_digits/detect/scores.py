"""What a detector and its model said of every image, clean and attacked: one table a model, light to read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robust_digits import tables
from robust_digits.errors import InputError
from robust_digits.judge.views import CLEAN
from robust_digits.tables import Cell

VALIDATION = "validation"  # clean images that thresholds are chosen on
EVASION = "evasion"  # the attack that knows the detector
_Answer = tuple[int, int, float]  # label, predicted, score
_COLUMNS = ("detector", "view", "index", "label", "predicted", "score")


@dataclass(frozen=True)
class Seen:
    """The answers on n images in a view: `labels` and `predicted` int64 (n,), the detector's `scores` float64 (n,)."""

    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    scores: NDArray[np.float64]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which images the model gives their label."""
        verdict: NDArray[np.bool_] = self.predicted == self.labels
        return verdict


Views = Mapping[str, Seen]  # by name: validation, clean, and under each attack the same test images, the first ones


def save(path: Path, detectors: Mapping[str, Views]) -> None:
    """Write the views of each detector."""
    tables.write(path, _rows(detectors), columns=_COLUMNS)


def load(path: Path) -> dict[str, dict[str, Seen]]:
    """Read what `save` wrote.

    Raises
    ------
    InputError
        If the file is missing, or holds something else; every detector needs validation, clean and attacked images.
    """
    found: dict[str, dict[str, list[_Answer]]] = {}
    for number, row in enumerate(tables.read(path), start=2):
        answers = found.setdefault(row.get("detector", ""), {}).setdefault(row.get("view", ""), [])
        answers.append(_answer(row, index=len(answers), where=f"{path}, line {number}"))
    for name, views in found.items():
        missing = {VALIDATION, CLEAN, EVASION} - views.keys()
        if missing:
            raise InputError(f"{path}: expected {', '.join(sorted(missing))} of {name}, got none")
    if not found:
        raise InputError(f"{path}: expected the scores of a detector, got none")
    return {name: {view: _seen(answers) for view, answers in views.items()} for name, views in found.items()}


def _rows(detectors: Mapping[str, Views]) -> Iterator[dict[str, Cell]]:
    for name, views in detectors.items():
        for view, seen in views.items():
            answers = zip(seen.labels, seen.predicted, seen.scores, strict=True)
            for index, (label, predicted, score) in enumerate(answers):
                cells = name, view, index, int(label), int(predicted), float(score)
                yield dict(zip(_COLUMNS, cells, strict=True))


def _answer(row: Mapping[str, str], *, index: int, where: str) -> _Answer:
    try:
        answer = int(row["label"]), int(row["predicted"]), float(row["score"])
        sound = int(row["index"]) == index and np.isfinite(answer[2])
    except (KeyError, ValueError) as error:
        raise InputError(f"{where}: not the scores of a detector: {error}") from None
    if not sound:
        raise InputError(f"{where}: expected image {index} and a finite score, got {row['index']} and {row['score']}")
    return answer


def _seen(answers: list[_Answer]) -> Seen:
    labels, predicted, scores = (np.array(column) for column in zip(*answers, strict=True))
    return Seen(labels, predicted, scores)
