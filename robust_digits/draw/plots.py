"""Write the data of the plots that `dvc plots` draws and compares: tables with a column for each model."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from robust_digits import tables
from robust_digits.judge import sanity, scoring
from robust_digits.judge.evidence import Evidence

Models = Mapping[str, Evidence]


def training(path: Path, history: Path) -> None:
    """Write the learning curve of a model: its training history as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(history, path)


def confusion(path: Path, models: Models, *, view: str) -> None:
    """Write the true class of every test image, and what each model takes it for in a view.

    Raises
    ------
    ValueError
        If an attack saw a part of the images only.
    """
    predicted = {model: found.predictions[view] for model, found in models.items()}
    rows = zip(_one(models).labels, *predicted.values(), strict=True)
    columns = ("actual", *models)
    tables.write(path, (dict(zip(columns, map(int, row), strict=True)) for row in rows), columns=columns)


def per_class(path: Path, models: Models, *, view: str) -> None:
    """Write the accuracy of each model within each class, in a view."""
    shares = {model: scoring.per_class(found.right(view), found.labels) for model, found in models.items()}
    rows = ({"class": each, **{model: shares[model][each] for model in models}} for each in shares[next(iter(models))])
    tables.write(path, rows, columns=("class", *models))


def security(path: Path, models: Models, *, curve: str) -> None:
    """Write the accuracy of each model over eps in a norm, `linf` or `l2`, or the `certified` one.

    A cell is empty where nothing can be proven of a model.
    """
    points = {model: dict(found.curves.get(curve, np.empty((0, 2)))) for model, found in models.items()}
    sizes = dict.fromkeys(eps for each in points.values() for eps in each)
    rows = ({"eps": float(eps), **{model: _share(points[model].get(eps)) for model in models}} for eps in sizes)
    tables.write(path, rows, columns=("eps", *models))


def grey_bound(path: Path, models: Models) -> None:
    """Write the accuracy over L-infinity eps that no model can exceed: from eps 0.5 on, all images may be one grey."""
    found = _one(models)
    bound = round(found.indicators["grey_bound"], scoring.DECIMALS)
    rows = ({"eps": float(eps), "accuracy": bound if eps >= sanity.GREY else 1.0} for eps in found.curves["linf"][:, 0])
    tables.write(path, rows, columns=("eps", "accuracy"))


def _one(models: Models) -> Evidence:
    """Return the evidence of any model: the test images are the same for all."""
    return next(iter(models.values()))


def _share(share: float | None) -> tables.Cell:
    return "" if share is None else round(float(share), scoring.DECIMALS)
