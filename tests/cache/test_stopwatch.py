"""How long a training took is remembered by the bytes that it made."""

import hashlib
from pathlib import Path

import pytest

from robust_digits.cache import place, stopwatch


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's cache out of the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def made(folder: Path, content: bytes, *, seconds: float) -> str:
    """Write a file that took so long to make, and return its MD5 sum."""
    file = folder / "model.keras"
    file.write_bytes(content)
    stopwatch.note(file, seconds)
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def test_what_was_noted_is_recalled(tmp_path: Path) -> None:
    """The seconds come back by the MD5 sum of the file, to a tenth; another file has its own."""
    first, second = made(tmp_path, b"first", seconds=12.345), made(tmp_path, b"second", seconds=0.04)
    assert stopwatch.recall(first) == pytest.approx(12.3)
    assert stopwatch.recall(second) == 0


def test_the_last_time_counts(tmp_path: Path) -> None:
    """The same bytes made again, faster, have the new time."""
    made(tmp_path, b"same", seconds=20)
    assert stopwatch.recall(made(tmp_path, b"same", seconds=10)) == 10


def test_nothing_is_put_beside_the_model(tmp_path: Path) -> None:
    """The time lies in the user's cache: no output of a stage may differ from run to run."""
    made(tmp_path, b"model", seconds=1)
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras", "cache"}
    assert (tmp_path / "model.keras").read_bytes() == b"model"


@pytest.mark.parametrize("content", ["", "soon", "1.0 s"])
def test_what_is_not_known_is_none(content: str) -> None:
    """A file that was made elsewhere has no time, nor has one whose time cannot be read."""
    assert stopwatch.recall("0" * 32) is None
    kept = place.folder("seconds") / f"{'0' * 32}.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text(content, encoding="utf-8")
    assert stopwatch.recall("0" * 32) is None


@pytest.mark.fault("recovered")
def test_a_cache_that_cannot_be_written_costs_only_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model stays, one line says what will not be known, and nothing is raised."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    md5 = made(tmp_path, b"model", seconds=1)
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be written (Not a directory); how long " in line
    assert stopwatch.recall(md5) is None
