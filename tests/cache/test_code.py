"""A kept result is found again by the code and the libraries that made it, and by no others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from robust_digits.cache import code


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project of two modules, one of them in a room."""
    (tmp_path / "room").mkdir()
    (tmp_path / "one.py").write_text("ONE = 1\n", encoding="utf-8")
    (tmp_path / "room" / "two.py").write_text("TWO = 2\n", encoding="utf-8")
    return tmp_path


CHANGES: dict[str, Callable[[Path], object]] = {
    "edited": lambda project: (project / "room" / "two.py").write_text("TWO = 3\n", encoding="utf-8"),
    "added": lambda project: (project / "three.py").write_text("", encoding="utf-8"),
    "removed": lambda project: (project / "one.py").unlink(),
    "moved": lambda project: (project / "one.py").rename(project / "room" / "one.py"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_other_code_has_another_name(project: Path, change: Callable[[Path], object]) -> None:
    """Whichever module of the project changed: what was kept before it is not taken."""
    before = code.fingerprint.__wrapped__(project)
    change(project)
    assert code.fingerprint.__wrapped__(project) != before


def test_what_is_no_code_does_not_count(project: Path) -> None:
    """Compiled files come and go, and a page's style changes no result."""
    before = code.fingerprint.__wrapped__(project)
    (project / "page.css").write_text("", encoding="utf-8")
    (project / "one.pyc").write_text("", encoding="utf-8")
    assert code.fingerprint.__wrapped__(project) == before


def test_other_libraries_have_another_name(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same code computes other bits with another TensorFlow."""
    before = code.fingerprint.__wrapped__(project)
    monkeypatch.setattr(code, "version", lambda name: f"{name} 0.0")
    assert code.fingerprint.__wrapped__(project) != before
