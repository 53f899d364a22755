"""What a model cost and left is measured on its images, and rounded."""

from pathlib import Path

import numpy as np
import pytest
from support import linear

from robust_digits import tables
from robust_digits.cache import stopwatch
from robust_digits.data import images
from robust_digits.data.images import ImageSet
from robust_digits.learn import models
from robust_digits.study import measures

pytestmark = pytest.mark.usefixtures("tensorflow")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return what a run of the pipeline leaves of a model: right on all training images, and on half of the others."""
    monkeypatch.setattr(measures, "_start", lambda: None)  # TensorFlow starts once in a process
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model, near = linear.level(0.02)
    models.save(model, tmp_path / "models" / "baseline.keras")
    other = ImageSet(near.images, np.where(np.arange(len(near)) % 4 < 2, near.labels, 1 - near.labels)[: len(near)])
    for part, whole in (("train", near), ("test", other)):
        images.save(tmp_path / "data" / "normalized" / part, [whole], count=len(whole))
    history = [{"epoch": epoch, "validation_accuracy": epoch / 10} for epoch in (1, 2)]
    tables.write(tmp_path / "data/histories/baseline.csv", history, columns=("epoch", "validation_accuracy"))
    return tmp_path


def test_every_column_is_measured(project: Path) -> None:
    """Accuracies, weights and seconds are those of this model, its images, its history and its training."""
    stopwatch.note(project / "models" / "baseline.keras", 3.0)
    found = measures.of(project, "baseline")
    assert tuple(found) == measures.COLUMNS
    model = models.load(project / "models" / "baseline.keras")
    assert (found["training_accuracy"], found["validation_accuracy"]) == (1.0, 0.2)
    assert found["weights"] == model.count_params()
    assert (found["seconds"], found["seconds_per_epoch"]) == (3.0, 1.5)


def test_losses_are_those_of_the_logits(project: Path) -> None:
    """Cross-entropy and squared error are means over the images, from the probabilities that the logits stand for."""
    model = models.load(project / "models" / "baseline.keras")
    test = images.load(project / "data" / "normalized" / "test")
    logits = np.asarray(model(np.asarray(test.images)), np.float64)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    true = np.eye(logits.shape[1])[test.labels]
    found = measures.measure(model, test)
    assert found.cross_entropy == pytest.approx(-np.log((p * true).sum(axis=1)).mean(), abs=1e-4)
    assert found.squared_error == pytest.approx(((p - true) ** 2).mean(), abs=1e-4)
    assert found.accuracy == pytest.approx((logits.argmax(axis=1) == test.labels).mean(), abs=1e-4)
    assert 0 < found.accuracy < 1


def test_batches_are_put_together(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many images are asked at a time, what is measured is of all of them."""
    model = models.load(project / "models" / "baseline.keras")
    test = images.load(project / "data" / "normalized" / "test")
    whole = measures.measure(model, test)
    monkeypatch.setattr(measures, "_BATCH", 4)
    assert measures.measure(model, test) == whole


def test_what_was_trained_elsewhere_has_no_time(project: Path) -> None:
    """A model out of DVC's cache that another machine trained has empty cells for its seconds, and all others."""
    found = measures.of(project, "baseline")
    assert [column for column in measures.COLUMNS if found[column] == ""] == ["seconds", "seconds_per_epoch"]


def test_a_model_that_was_not_kept_has_no_measures(project: Path) -> None:
    """Where a run left no file of that name every cell is empty."""
    assert set(measures.of(project, "robust").values()) == {""}
