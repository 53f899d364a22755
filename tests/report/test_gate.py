"""The gate says whether the evaluation can be trusted, to a person in lines and to CI by its exit code."""

import json
import sys
from pathlib import Path

import pytest
from support.made_up import Project, project

from robust_digits.report import gate

RED = "hardened.sanity.logits"


@pytest.fixture
def made(tmp_path: Path) -> Project:
    """Return a project whose checks are all green."""
    return project(tmp_path / "project")


def code(made: Project, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return the code that the gate leaves with in the folder of a project."""
    monkeypatch.chdir(made.root)
    monkeypatch.setattr(sys, "argv", ["gate"])
    try:
        gate.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def edited(made: Project, **check: object) -> None:
    """Change one check of the hardened model."""
    path = made.root / "metrics/sanity.json"
    content = json.loads(path.read_bytes())
    content["hardened"]["logits"] |= check
    path.write_text(json.dumps(content), encoding="utf-8")


def test_green(made: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """When every check holds the gate prints them all, counts them, and leaves with 0."""
    assert code(made, monkeypatch) == 0
    out, err = capsys.readouterr()
    assert err == ""
    *lines, count = out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["ok", model] for model in ("baseline", "robust", "hardened") for _ in range(2)
    ]
    assert count == "of 6 checks 0 RED, 0 accepted, 6 ok"


def test_red(made: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """When checks fail the gate prints all, the red ones first, counts those, and leaves with 1."""
    made.red = {RED, "robust.sanity.within_eps"}
    made.write()
    assert code(made, monkeypatch) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [["RED", "robust"], ["RED", "hardened"], ["ok", "baseline"]]
    assert lines[0].endswith("1 <= 0.5       says within_eps")
    assert lines[-1] == "of 6 checks 2 RED, 0 accepted, 4 ok"


def test_what_is_accepted_passes(
    made: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A red check that gate.yaml accepts is shown with the reason and does not fail the gate; another one does."""
    made.red = {RED}
    made.gate["accepted"] = {RED: "a reason, docs/hardening.md"}
    made.write()
    assert code(made, monkeypatch) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["accepted", "hardened"]
    assert lines[1].strip() == "a reason, docs/hardening.md"
    made.red.add("baseline.sanity.logits")
    made.write()
    assert code(made, monkeypatch) == 1


def test_what_is_accepted_for_nothing_is_said(
    made: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An entry in gate.yaml for a check that is green should go."""
    made.gate["accepted"] = {RED: "was red once"}
    made.write()
    assert code(made, monkeypatch) == 0
    assert capsys.readouterr().out.endswith(f"; gate.yaml accepts what is not red: {RED}\n")


@pytest.mark.parametrize(
    "check",
    [{"measured": None}, {"measured": 0.6, "passed": True}, {"measured": 0.5000013}],
    ids=["not run", "said to have passed", "by a hair"],
)
def test_the_numbers_decide(check: dict[str, object], made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that was not run, or whose number is beyond its bound, is red whatever the file says of it."""
    edited(made, **check)
    assert code(made, monkeypatch) == 1


@pytest.mark.parametrize("content", ["", "{", "garbage", "[]", '{"robust": {"logits": 1}}', "\0\0"])
def test_garbage(
    content: str, made: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that holds something else is refused with one line and 2: no check was red, but none was green."""
    made.text("metrics/sanity.json", content)
    assert code(made, monkeypatch) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("gate: metrics/sanity.json in ")


@pytest.mark.parametrize("name", ["metrics/sanity.json", "gate.yaml"])
def test_missing_file(
    name: str, made: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file is named in one line, and the gate leaves with 2."""
    (made.root / name).unlink()
    assert code(made, monkeypatch) == 2
    assert capsys.readouterr().err.startswith(f"gate: {name}")


@pytest.mark.parametrize("content", ["{}", '{"baseline": {}}'], ids=["no model", "no check"])
def test_nothing_to_check(
    content: str, made: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing was checked, nothing is green: one line and 2."""
    made.text("metrics/sanity.json", content)
    assert code(made, monkeypatch) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
