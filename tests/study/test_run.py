"""The command that runs studies: what it is told, and how it ends."""

from pathlib import Path
from typing import Any

import pytest
from support.studies import command, study

from robust_digits.errors import InputError
from robust_digits.study.study import Study

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("project")
def test_an_unknown_study_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The line has the legal names; the exit code is 2, and no other study has run."""
    assert command(monkeypatch, "epochs", "epoch") == 2
    assert capsys.readouterr().err == "run: docs/studies: expected a study, one of epochs; got 'epoch'\n"


@pytest.mark.usefixtures("project")
def test_settings_go_over_the_plan(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`--set-param` says where the data lie; what is no parameter is refused."""
    given: list[dict[str, Any]] = []

    def noted(self: Study) -> list[str]:
        given.extend(self._runs.values())
        return ["3"]

    monkeypatch.setattr(Study, "run", noted)
    ended = command(monkeypatch, "epochs", "--set-param", "data.source=a=b.npz", "--set-param", "train.dropout=0.1")
    assert ended == 1
    assert capsys.readouterr().err == "failed: epochs 3; start it again to run only these\n"
    assert [run["data"]["source"] for run in given] == ["a=b.npz"] * 3
    assert [run["train"]["dropout"] for run in given] == [0.1] * 3
    with pytest.raises(InputError, match=r"train\.dropuot is not a parameter"):
        study({"train.dropuot": 0.1}, Path())


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("said", "read"), [("1e-3", 0.001), ("on", "on"), ("010", 10), ("null", None)])
def test_settings_are_read_as_params_yaml_is(said: str, read: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC reads YAML 1.2, and so is what is set on the command line."""
    given: list[object] = []

    def noted(self: Study) -> list[str]:
        given.extend(run["elsewhere"] for run in self._runs.values())
        return []

    monkeypatch.setattr(Study, "run", noted)
    assert command(monkeypatch, "epochs", "--set-param", f"elsewhere={said}") == 0
    assert given == [read] * 3


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("value", ["[1", "{a: 1, a: 2}", "!!int x"])
def test_a_setting_that_is_no_yaml_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line that names it."""
    assert command(monkeypatch, "epochs", "--set-param", f"train.epochs={value}") == 2
    assert capsys.readouterr().err == f"run: --set-param train.epochs: expected a value in YAML, got {value!r}\n"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("said", ["elsewhere", "=1"])
def test_a_setting_without_a_name_or_value_is_refused(
    said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would set nothing, or null."""
    assert command(monkeypatch, "epochs", "--set-param", said) == 2
    assert capsys.readouterr().err == f"run: --set-param: expected NAME=VALUE, got '{said}'\n"
