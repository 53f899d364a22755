"""The answers of a model are drawn, and its losses written down for every part of the data."""

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import linear

from robust_digits import tables
from robust_digits.data import images
from robust_digits.draw import galleries
from robust_digits.learn import models
from robust_digits.study import answers

pytestmark = pytest.mark.usefixtures("tensorflow")

ROOT = Path(__file__).parents[2]


def test_every_part_has_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accuracy and losses are told of training, validation and test images; of the last the first are drawn."""
    drawn: dict[str, Any] = {}

    def note(path: Path, few: images.ImageSet, probabilities: object, *, model: str) -> None:
        drawn.update(path=path.name, count=len(few), sums=np.sum(np.asarray(probabilities), axis=1), model=model)

    model, near = linear.level(0.02)
    models.save(model, tmp_path / "tiny.keras")
    for count, part in enumerate(("train", "validation", "test"), start=4):
        images.save(tmp_path / "normalized" / part, [near[:count]], count=count)
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("robust_digits.runtime.start", lambda **_: None)  # TensorFlow starts once in a process
    monkeypatch.setattr(answers, "SHOWN", 5)
    monkeypatch.setattr(galleries, "answers", note)
    monkeypatch.setattr(sys, "argv", ["answers", "tiny.keras", "normalized", "answers.csv"])
    answers.main()
    rows = tables.read(Path("answers.csv"))
    assert [(row["value"], row["images"], row["accuracy"]) for row in rows] == [
        ("train", "4", "1.0"),
        ("validation", "5", "1.0"),
        ("test", "6", "1.0"),
    ]
    assert all(0 < float(row["squared_error"]) < float(row["cross_entropy"]) for row in rows)
    np.testing.assert_allclose(drawn.pop("sums"), 1)
    assert drawn == {"path": "answers.png", "count": 5, "model": "tiny"}
