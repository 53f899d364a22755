"""A chain of studies: each parameter is tried with what was best before it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.studies import command

from robust_digits import tables
from robust_digits.errors import InputError
from robust_digits.study import measures, spec, workspace
from robust_digits.study.tuning import Tuning

pytestmark = pytest.mark.slow

CHAIN: dict[str, Any] = {
    "title": "One by one",
    "base": "none",
    "model": "baseline",
    "steps": [{"parameter": "train.epochs", "values": [2, 4]}, {"parameter": "train.dropout", "values": [0.1, 0.3]}],
    "metrics": ["clean"],
    "params": {},
}


def validated(monkeypatch: pytest.MonkeyPatch, accuracies: list[float]) -> list[dict[str, Any]]:
    """Let the runs to come be right so often on validation images; return the list of their parameters."""
    seen: list[dict[str, Any]] = []

    def measured(project: Path, _: str) -> dict[str, Any]:
        seen.append(yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))["train"])
        return dict.fromkeys(measures.COLUMNS, "") | {"validation_accuracy": accuracies[len(seen) - 1]}

    monkeypatch.setattr(measures, "of", measured)
    return seen


def chained() -> list[str]:
    """Run a chain of two parameters on a copy of the project, and return what failed."""
    Path("docs/studies/tuning.yaml").write_text(yaml.safe_dump(CHAIN), encoding="utf-8")
    plan = spec.load("tuning")
    assert isinstance(plan, spec.Chain)
    with workspace.copy() as copied:
        return Tuning("tuning", plan, {}, copied).run()


@pytest.mark.usefixtures("project")
def test_a_chain_keeps_the_best_of_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each parameter is tried with what was best on validation images before it, whatever the test images say."""
    seen = validated(monkeypatch, [0.9, 0.8, 0.7, 0.75])
    assert chained() == []
    assert seen == [
        {"epochs": 2, "dropout": 0.5},
        {"epochs": 4, "dropout": 0.5},
        {"epochs": 2, "dropout": 0.1},
        {"epochs": 2, "dropout": 0.3},
    ]
    assert tables.read(spec.FOLDER / "tuning.csv") == [
        {"value": "epochs", "chosen": "2", "validation_accuracy": "0.9", "clean": "0.2"},
        {"value": "dropout", "chosen": "0.3", "validation_accuracy": "0.75", "clean": "0.2"},
    ]
    assert chained() == []
    assert len(seen) == 4, "what is done is not run again"


@pytest.mark.usefixtures("project")
def test_a_chain_ends_where_a_step_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after a failed value would rest on a choice among the others: it is not run."""
    seen = validated(monkeypatch, [0.9])
    monkeypatch.setitem(CHAIN, "steps", [{"parameter": "train.epochs", "values": [2, 3]}, CHAIN["steps"][1]])
    assert chained() == ["train.epochs 3"]
    assert len(seen) == 1
    assert not (spec.FOLDER / "tuning.csv").exists()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("other", ["two steps", "a study"])
def test_every_step_has_a_table_of_its_own(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps of one short name, or a step and another study, would write over each other."""
    if other == "two steps":
        steps = [{"parameter": f"{section}.epochs", "values": [1]} for section in ("train", "harden")]
        monkeypatch.setitem(CHAIN, "steps", steps)
    else:
        Path("docs/studies/tuning_epochs.yaml").touch()
    with pytest.raises(InputError, match=r"tuning_\w+ would be the table of two studies"):
        chained()


@pytest.mark.usefixtures("project")
def test_a_chain_is_marked_as_far_as_it_has_chosen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--mark` runs nothing: before the first choice there is a table without lines, after all runs the choices."""
    monkeypatch.setitem(CHAIN, "steps", [{"parameter": "train.epochs", "values": [2, 4]}])
    Path("docs/studies/tuning.yaml").write_text(yaml.safe_dump(CHAIN), encoding="utf-8")
    assert command(monkeypatch, "tuning", "--mark") == 0
    assert capsys.readouterr().out.splitlines() == ["tuning: 1 parameters, one after another"]
    assert not (spec.FOLDER / "tuning.csv").exists()
    seen = validated(monkeypatch, [0.8, 0.9])
    assert command(monkeypatch, "tuning") == 0
    Path("docs/studies/tuning.csv").unlink()
    assert command(monkeypatch, "tuning", "--mark") == 0
    assert tables.read(spec.FOLDER / "tuning.csv")[0]["chosen"] == "4"
    assert len(seen) == 2


@pytest.mark.usefixtures("project")
def test_a_chain_that_cannot_choose_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of which nothing was measured ends the chain with a line, and not as if it were done."""
    monkeypatch.setattr(measures, "of", lambda *_: dict.fromkeys(measures.COLUMNS, ""))
    with pytest.raises(InputError, match=r"train\.epochs: no accuracy on validation images"):
        chained()
