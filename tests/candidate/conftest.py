"""What the tests of anybody's model share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Saved = Callable[..., Path]


@pytest.fixture
def images() -> NDArray[np.float32]:
    """Return images of 32x32 pixels in colour, drawn at random."""
    return np.random.default_rng(0).random((24, 32, 32, 3), np.float32)


@pytest.fixture
def npz(tmp_path: Path) -> Saved:
    """Return a function that saves arrays as an `.npz` file."""

    def save(**arrays: Any) -> Path:  # noqa: ANN401 (as savez takes them)
        path = tmp_path / "mine.npz"
        np.savez(path, **arrays)
        return path

    return save
