"""Write the data of the plots that `dvc plots` draws and compares."""

import shutil
from pathlib import Path

from robust_digits import tables
from robust_digits.judge import scoring
from robust_digits.judge.evidence import VIEWS, Evidence


def training(path: Path, history: Path) -> None:
    """Write the learning curve of a model: its training history as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(history, path)


def confusion(path: Path, evidence: Evidence, *, view: str) -> None:
    """Write the true and the predicted class of every test image in a view."""
    pairs = zip(evidence.labels, evidence.predictions(view), strict=True)
    tables.write(path, ({"actual": int(a), "predicted": int(p)} for a, p in pairs), columns=("actual", "predicted"))


def per_class(path: Path, evidence: Evidence) -> None:
    """Write the accuracy within each class, in each view."""
    shares = {view: scoring.per_class(right, evidence.labels) for view, right in evidence.verdicts().items()}
    rows = ({"class": label, **{view: shares[view][label] for view in VIEWS}} for label in shares["clean"])
    tables.write(path, rows, columns=("class", *VIEWS))
