"""The user's cache has a folder for each purpose, where the user wants it."""

from pathlib import Path

import pytest

from robust_digits.cache import place


def test_a_folder_lies_in_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_CACHE_HOME moves the cache; a folder is named, not made, and the project has a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert place.folder("training") == tmp_path / "robust-digits" / "training"
    assert place.folder("seconds") == tmp_path / "robust-digits" / "seconds"
    assert list(tmp_path.iterdir()) == []
