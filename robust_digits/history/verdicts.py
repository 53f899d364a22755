"""Which test images a model got right, in each view, from metrics/verdicts/<model>.csv of a revision."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robust_digits.errors import InputError, listed
from robust_digits.history import documents
from robust_digits.history.revisions import Revision

UNSEEN = -1
_CELLS = {"1": 1, "0": 0, "": UNSEEN}
_FIRST = ["index", "label"]


@dataclass(frozen=True)
class Verdicts:
    """Verdicts on n test images: `labels` int64 (n,), and for each view int8 (n,): 1 right, 0 wrong, -1 not seen."""

    labels: NDArray[np.int64]
    views: dict[str, NDArray[np.int8]]


def path(model: str) -> str:
    """Return where the verdicts of a model lie."""
    return f"metrics/verdicts/{model}.csv"


def read(revision: Revision, model: str) -> Verdicts | None:
    """Return the verdicts of a model; None where the revision has none, as revisions before they were kept.

    Raises
    ------
    InputError
        If the file is no table of verdicts on images 0, 1, 2...
    """
    if path(model) not in revision.files:
        return None
    rows = documents.rows(revision, path(model))
    columns = list(rows[0]) if rows else []
    where = f"{path(model)} in {revision.label}"
    if columns[:2] != _FIRST:
        raise InputError(f"{where}: expected the columns index, label and a view each, got {listed(columns)}")
    if [row["index"] for row in rows] != [str(index) for index in range(len(rows))]:
        raise InputError(f"{where}: expected a row for each image, numbered 0, 1, 2...")
    try:
        labels = np.array([int(row["label"]) for row in rows], np.int64)
        views = {view: np.array([_CELLS[row[view]] for row in rows], np.int8) for view in columns[2:]}
    except (KeyError, ValueError, OverflowError) as error:
        raise InputError(f"{where}: expected labels, and 1, 0 or nothing in each view, got {error}") from None
    return Verdicts(labels, views)
