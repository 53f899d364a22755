"""What is known of the locked packages is said, and that nobody could be asked is not taken for nothing being known."""

import json
import os
from pathlib import Path

import pytest

from robust_digits.record import audit

KNOWN = {"id": "PYSEC-1", "fix_versions": ["2.0", "1.9.1"], "aliases": []}
NUMPY = {"name": "numpy", "version": "2.4.0", "vulns": []}
KERAS = {"name": "keras", "version": "1.0", "vulns": [KNOWN, {"id": "PYSEC-2", "fix_versions": []}]}


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a locked project, with a uv that prints what stands in `answer` and in `errors`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["audit"])
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "uv").write_text("#!/bin/sh\ncat answer; cat errors >&2; exit 1\n", encoding="utf-8")
    (tmp_path / "uv").chmod(0o755)
    for name in ("requirements.txt", "answer", "errors"):
        (tmp_path / name).touch()
    return tmp_path


def ended() -> object:
    """Run the command and return its exit code."""
    try:
        audit.main()
    except SystemExit as end:
        return end.code
    return 0


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([NUMPY], 0, ["1 packages, no known vulnerabilities"]),
        (
            [NUMPY, KERAS],
            1,
            [
                "keras 1.0: PYSEC-1, mended in 2.0, 1.9.1",
                "keras 1.0: PYSEC-2, mended in no version yet",
                "2 packages, 2 known vulnerabilities",
            ],
        ),
    ],
)
def test_what_is_known_is_said(
    packages: list[object], code: int, said: list[str], answer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each vulnerability, and code 1 where there is one."""
    (answer / "answer").write_text(json.dumps({"dependencies": packages}), encoding="utf-8")
    assert ended() == code
    assert capsys.readouterr().out.splitlines() == said


@pytest.mark.fault("refused")
def test_nobody_to_ask_is_one_line(
    answer: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a network, without uv and without a lock nothing was audited: code 2, and what was said last."""
    (answer / "errors").write_text("Traceback\nConnectionError: no route\n", encoding="utf-8")
    assert ended() == 2
    assert capsys.readouterr().err == (
        "audit: no database of vulnerabilities could be asked; pip-audit said: ConnectionError: no route\n"
    )
    (answer / "uv").chmod(0o644)
    monkeypatch.setenv("PATH", str(answer))
    assert ended() == 2
    assert capsys.readouterr().err.startswith("audit: uv: ")
    (answer / "requirements.txt").unlink()
    assert ended() == 2
    assert capsys.readouterr().err.startswith("audit: requirements.txt: no such file")
