"""The gate says whether the evaluation can be trusted, to a person in lines and to CI by its exit code."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from robust_digits.judge import sanity
from robust_digits.judge.sanity import Check
from robust_digits.report import gate

ROOT = Path(__file__).parents[2]
GREEN = Check("share of images without a gradient", 0.0, 0.01)
RED = Check("accuracy when PGD may do anything", 0.55, 0.02)
NOT_RUN = Check("accuracy under PGD above that under noise", None, 0.01)

Models = Mapping[str, Mapping[str, Check]]


def saved(folder: Path, models: Models) -> Path:
    """Write checks as the stage `summarize` does."""
    sanity.save(folder / "sanity.json", models)
    return folder / "sanity.json"


def code(path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return the code that the gate leaves with; Python turns a message into 1."""
    monkeypatch.setattr(sys, "argv", ["gate", str(path)])
    try:
        gate.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the gate as `make gate` does."""
    command = [sys.executable, "-m", "robust_digits.report.gate", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_green(tmp_path: Path) -> None:
    """When every check holds the gate prints them all, says nothing else, and leaves with 0."""
    path = saved(tmp_path, {"baseline": {"zero_gradients": GREEN}, "robust": {"zero_gradients": GREEN}})
    done = run(path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [["ok", "baseline"], ["ok", "robust"]]


def test_red(tmp_path: Path) -> None:
    """When one check fails the gate prints all, the red ones first, counts those, and leaves with 1."""
    models = {"baseline": {"one": GREEN, "two": RED}, "robust": {"one": GREEN, "two": NOT_RUN}}
    done = run(saved(tmp_path, models))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["RED", "baseline"],
        ["RED", "robust"],
        ["ok", "baseline"],
        ["ok", "robust"],
    ]
    assert lines[0].endswith("0.55 <= 0.02      accuracy when PGD may do anything")
    assert "not run" in lines[1]
    assert done.stderr == "gate: 2 of 4 checks are red\n"


@pytest.mark.parametrize("check", [RED, NOT_RUN, Check("", float("nan"), 1.0)], ids=["above", "not run", "nan"])
@pytest.mark.parametrize("where", ["first", "last"])
def test_one_red_is_enough(check: Check, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single red check fails the gate, in whichever model it is."""
    models = {"first": {"one": GREEN}, "last": {"one": GREEN}}
    models[where] = {"one": GREEN, "two": check}
    assert code(saved(tmp_path, models), monkeypatch) == 1


def test_the_numbers_count_not_the_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that says passed of a measurement beyond its bound is not believed."""
    path = saved(tmp_path, {"robust": {"unbounded": RED}})
    content = json.loads(path.read_bytes())
    content["robust"]["unbounded"]["passed"] = True
    path.write_text(json.dumps(content), encoding="utf-8")
    assert code(path, monkeypatch) == 1


def test_a_tiny_violation_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that was red when it was made is red in CI too, though it missed its bound by a hair."""
    path = saved(tmp_path, {"robust": {"deterministic": Check("largest difference when asked twice", 2.4e-7, 0.0)}})
    assert code(path, monkeypatch) == 1


@pytest.mark.parametrize(
    "content",
    ["", "{", "garbage", "[]", '{"robust": {"logits": 1}}', "\0\0"],
    ids=["empty", "cut short", "text", "list", "number", "zeros"],
)
def test_garbage(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that holds something else is refused with one line and 2: no check was red, but none was green."""
    path = tmp_path / "sanity.json"
    path.write_text(content, encoding="utf-8")
    assert code(path, monkeypatch) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith(f"gate: {path}: not the checks of an evaluation: ")


def test_missing_file(tmp_path: Path) -> None:
    """A missing file is named in one line, and the gate leaves with 2."""
    done = run(tmp_path / "none.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"gate: {tmp_path / 'none.json'}: no such file; `dvc repro` makes it\n"


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """A folder in the place of the file is named in one line, and the gate leaves with 2: no check was red."""
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert str(tmp_path) in done.stderr


@pytest.mark.parametrize("models", [{}, {"baseline": {}}], ids=["no model", "no check"])
def test_nothing_to_check(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing was checked, nothing is green: one line and 2."""
    assert code(saved(tmp_path, models), monkeypatch) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_file_must_be_named() -> None:
    """Without the name of a file the gate says how it is used, and leaves with 2."""
    done = run()
    assert done.returncode == 2
    assert "usage: python -m robust_digits.report.gate" in done.stderr
