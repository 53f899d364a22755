"""The figures in the format that GitLab compares."""

import sys
from pathlib import Path

import pytest
from support.made_up import Project, project

from robust_digits.record import openmetrics


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project, which is the working folder."""
    found = project(tmp_path / "project")
    monkeypatch.chdir(found.root)
    return found


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run the command."""
    monkeypatch.setattr(sys, "argv", ["openmetrics", *arguments])
    openmetrics.main()


def test_every_accuracy_has_a_line(
    made: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is named by model and view, what is certified too, between the type and the end that the format asks for."""
    run(monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[-1]) == ("# TYPE robust_digits_accuracy gauge", "# EOF")
    assert 'robust_digits_accuracy{model="hardened",view="worst_case"} 0.7' in lines
    assert 'robust_digits_accuracy{model="hardened",view="certified"} 0.55' in lines
    assert len(lines) == 2 + len(made.figures)


def test_of_a_commit_into_a_file(made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures are those of the revision that is named."""
    made.figures["hardened.accuracy.worst_case"] = 0.1
    made.write()
    run(monkeypatch, "--here", "HEAD", "--output", "metrics.txt")
    written = (made.root / "metrics.txt").read_text(encoding="utf-8")
    assert 'robust_digits_accuracy{model="hardened",view="worst_case"} 0.7\n' in written
