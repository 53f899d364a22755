"""The page of networks is what the code builds."""

import sys
from pathlib import Path

import pytest

from robust_digits.study import networks

pytestmark = pytest.mark.usefixtures("tensorflow")

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`docs/networks.md` and `.csv` have every network with its layers and weights (`make networks` writes them)."""
    monkeypatch.setattr(sys, "argv", ["networks", str(tmp_path)])
    networks.main()
    for name in ("networks.md", "networks.csv"):
        assert (tmp_path / name).read_bytes() == (ROOT / "docs" / name).read_bytes(), name
