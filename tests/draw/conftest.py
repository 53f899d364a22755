"""What the tests of pictures share."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Return the list of figures that are saved from now on; none is drawn."""
    kept: list[Figure] = []

    def keep(figure: Figure, path: Path, **_: object) -> None:
        kept.append(figure)
        path.touch()

    monkeypatch.setattr(Figure, "savefig", keep)
    return kept
