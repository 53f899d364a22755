"""Turn verdicts, one a test image, into fractions with intervals, and into what git keeps of an evaluation."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from robust_digits import files, tables
from robust_digits.judge.evidence import Evidence, Made
from robust_digits.judge.views import CERTIFIED, WORST_CASE
from robust_digits.tables import Cell

DECIMALS = 4  # one image in 10,000


def accuracy(right: NDArray[np.bool_]) -> float:
    """Return the fraction of verdicts (n,) that are right, rounded."""
    return round(float(np.mean(right)), DECIMALS)


def interval(right: int, count: int) -> tuple[float, float]:
    """Return the 95% interval of the accuracy `right` / `count` by Wilson's score (1927); count 0 is a ValueError.

    Says how far the figure may be off because the test set is one draw of so many images. Near 0 and 1 it is not
    symmetric about the figure.
    """
    found = binomtest(right, count).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def metrics(evidence: Evidence) -> dict[str, dict[str, float | None]]:
    """Return what metrics/<model>.json holds: the accuracy in each view, and the shares that are certified and open.

    These are None where nothing can be proven.
    """
    return {
        "accuracy": {view: accuracy(right) for view, right in evidence.verdicts().items()},
        CERTIFIED: {name: None if share is None else accuracy(share) for name, share in _bracket(evidence).items()},
    }


def undecided(evidence: Evidence) -> NDArray[np.bool_] | None:
    """Return which images (n,) are open, neither certified nor broken by an attack; None if nothing can be proven.

    Their share is how wide the bracket is that true robust accuracy lies in.
    """
    return None if evidence.certified is None else evidence.right(WORST_CASE) & ~evidence.certified


def details(evidence: Evidence) -> dict[str, dict[str, Any]]:
    """Return what metrics/details/<model>.json holds: how each figure of the metrics was made, by its name there.

    On how many `images`, at which `eps` in which `norm` (None: no attack), with which `settings`, and the ends of its
    95% `interval` (None where nothing can be proven; the settings then say why).
    """
    figures = {f"accuracy.{view}": _detail(right, evidence.made[view]) for view, right in evidence.verdicts().items()}
    made, count = evidence.made[CERTIFIED], len(evidence.labels)
    return figures | {
        f"{CERTIFIED}.{name}": _detail(share, made, images=count) for name, share in _bracket(evidence).items()
    }


def verdicts(evidence: Evidence) -> Iterator[dict[str, Cell]]:
    """Yield the rows of metrics/verdicts/<model>.csv, one a test image: index, label, and 1 (right) or 0 in each view.

    A cell is empty where an attack did not see the image. The last columns are the worst case and, where there can be
    a proof, whether the image is certified.
    """
    columns = evidence.verdicts()
    if evidence.certified is not None:
        columns[CERTIFIED] = evidence.certified
    for index, label in enumerate(evidence.labels):
        seen = {view: int(right[index]) if index < len(right) else "" for view, right in columns.items()}
        yield {"index": index, "label": int(label), **seen}


@dataclass(frozen=True)
class Places:
    """Where git keeps the figures of an evaluation, how each was made, and a verdict on every image."""

    metrics: Path
    details: Path
    verdicts: Path


def save(evidence: Evidence, places: Places) -> None:
    """Write what git keeps of an evaluation."""
    lines = (f"  {json.dumps(name)}: {json.dumps(detail)}" for name, detail in details(evidence).items())
    files.write(places.metrics, json.dumps(metrics(evidence), indent=2) + "\n")
    files.write(places.details, "{\n" + ",\n".join(lines) + "\n}\n")
    columns = list(next(verdicts(evidence)))
    tables.write(places.verdicts, verdicts(evidence), columns=columns)


def per_class(right: NDArray[np.bool_], labels: NDArray[np.int64]) -> dict[int, float]:
    """Return the accuracy within each class of `labels`, both (n,)."""
    return {int(label): accuracy(right[labels == label]) for label in np.unique(labels)}


def _bracket(evidence: Evidence) -> dict[str, NDArray[np.bool_] | None]:
    return {"accuracy": evidence.certified, "open": undecided(evidence)}


def _detail(right: NDArray[np.bool_] | None, made: Made, *, images: int = 0) -> dict[str, Any]:
    ends = None if right is None else interval(int(np.sum(right)), len(right))
    return {
        "images": images if right is None else len(right),
        "norm": made.norm,
        "eps": made.eps,
        "settings": dict(made.settings),
        "interval": None if ends is None else [round(end, DECIMALS) for end in ends],
    }
