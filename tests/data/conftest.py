"""What the tests of this room share."""

from pathlib import Path
from types import SimpleNamespace

import pooch
import pytest

from robust_digits.data.sources import MIRRORS_VARIABLE


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Return the folder to fetch into, which an earlier run has filled."""
    folder = tmp_path / "data" / "raw"
    folder.mkdir(parents=True)
    (folder / "earlier").write_bytes(b"earlier")
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's cache, proxies and mirrors out of the tests, and do not wait between attempts."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv(MIRRORS_VARIABLE, raising=False)
    monkeypatch.setattr(pooch.core, "time", SimpleNamespace(sleep=lambda _seconds: None))
    return tmp_path / "cache"
