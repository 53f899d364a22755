"""What the tests of this room share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.evaluations import dense

from robust_digits.crew import means, proofs, work
from robust_digits.learn import models


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return the file of a small model."""
    models.save(dense(), tmp_path / "model.keras")
    return tmp_path / "model.keras"


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take this process for a worker that has started TensorFlow with two threads, and remembers no model."""
    monkeypatch.setattr(means, "_started", [2])
    remembered = (work._suite, proofs._bounds)  # noqa: SLF001
    for each in remembered:
        each.cache_clear()
    yield
    for each in remembered:
        each.cache_clear()
