"""Write the data of the plots that `dvc plots` draws and compares."""

import shutil
from pathlib import Path

import numpy as np

from robust_digits import tables
from robust_digits.judge import sanity, scoring
from robust_digits.judge.evidence import CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, WORST_CASE, Evidence

_VIEWS = (CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, WORST_CASE)


def training(path: Path, history: Path) -> None:
    """Write the learning curve of a model: its training history as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(history, path)


def confusion(path: Path, evidence: Evidence, *, view: str) -> None:
    """Write the true and the predicted class of every test image in a view."""
    pairs = zip(evidence.labels, evidence.predictions[view], strict=True)
    tables.write(path, ({"actual": int(a), "predicted": int(p)} for a, p in pairs), columns=("actual", "predicted"))


def per_class(path: Path, evidence: Evidence) -> None:
    """Write the accuracy within each class, in each view."""
    shares = {view: scoring.per_class(evidence.right(view), evidence.labels) for view in _VIEWS}
    rows = ({"class": label, **{view: shares[view][label] for view in _VIEWS}} for label in shares[CLEAN])
    tables.write(path, rows, columns=("class", *_VIEWS))


def security(path: Path, evidence: Evidence, *, curve: str) -> None:
    """Write the accuracy over eps in a norm, `linf` or `l2`, or the `certified` one, empty where nothing is proven."""
    points = evidence.curves.get(curve, np.empty((0, 2)))
    rows = ({"eps": float(eps), "accuracy": round(float(share), scoring.DECIMALS)} for eps, share in points)
    tables.write(path, rows, columns=("eps", "accuracy"))


def grey_bound(path: Path, evidence: Evidence) -> None:
    """Write the accuracy over L-infinity eps that no model can exceed: from eps 0.5 on, all images may be one grey."""
    bound = round(evidence.indicators["grey_bound"], scoring.DECIMALS)
    sizes = evidence.curves["linf"][:, 0]
    rows = ({"eps": float(eps), "accuracy": bound if eps >= sanity.GREY else 1.0} for eps in sizes)
    tables.write(path, rows, columns=("eps", "accuracy"))
