"""Whether a run gave what was committed: to the byte on one kind of machine, within the intervals on another."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.made_up import Project, project

from robust_digits.history.revisions import repository
from robust_digits.record import machine, reproduction

RECORD = "docs/results/digits"
WORST = "hardened.accuracy.worst_case"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose results are recorded as this machine's."""
    made = project(tmp_path_factory.mktemp("reproduction") / "project")
    record(made, machine.name())
    made.commit("Record the results")
    return made.root


@pytest.fixture
def made(template: Path, tmp_path: Path) -> Project:
    """Return a copy of it to change."""
    return Project(shutil.copytree(template, tmp_path / "project"))


def record(made: Project, name: str) -> None:
    """Record the results as made on a machine."""
    made.text(f"{RECORD}/README.md", f"# Results\n\n- data: `digits`\n- machine: {name}\n")
    shutil.copytree(made.root / "metrics", made.root / RECORD / "metrics", dirs_exist_ok=True)


def elsewhere(made: Project) -> Project:
    """Record the results as made on another kind of machine, and commit that."""
    record(made, "Another CPU, 4 cores, Linux x86_64")
    made.commit("Record on another machine")
    return made


def judge(made: Project) -> tuple[int, str]:
    """Return exit code and words."""
    return reproduction.judge(repository(made.root), RECORD)


def test_the_same_bytes(made: Project) -> None:
    """What a run gave again is fine, whatever machine it was made on; other files may differ."""
    made.text("notes.txt", "not a result")
    assert judge(made) == (0, "Reproduced to the byte: dvc.lock, metrics and plots are what was committed.")
    assert judge(elsewhere(made))[0] == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.text("metrics/robust.json", "{}"),
        lambda made: made.text("plots/new.csv", "a\n"),
        lambda made: (made.root / "plots/pictures/attack_robust.png").unlink(),
        lambda made: made.text("dvc.lock", "stages: {}"),
    ],
    ids=["metrics", "new plot", "lost picture", "lock"],
)
def test_other_bytes_on_the_same_kind_of_machine(made: Project, change: Callable[[Project], None]) -> None:
    """One byte is enough, and the file is named."""
    change(made)
    code, said = judge(made)
    assert code == 1
    assert said.startswith(f"Not reproduced, on the same kind of machine, {machine.kind(machine.name())}.")
    assert len([line for line in said.splitlines() if line.startswith("- ")]) == 1


def test_another_machine_within_the_margins(made: Project) -> None:
    """Figures that moved by less than both half widths agree, and the machines are named."""
    elsewhere(made)
    made.figures[WORST] = 0.69
    made.write()
    code, said = judge(made)
    assert code == 0
    assert said.startswith(
        "Reproduced within the intervals. The machine differs: the results were made on Another CPU, 4 cores, "
        f"Linux x86_64, and this is {machine.name()}."
    )


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({WORST: 0.6}, f"- {WORST}: 0.7 was committed, 0.6 here"),
        ({WORST: 0.8}, f"- {WORST}: 0.7 was committed, 0.8 here"),  # better is no reproduction either
        ({"robust.accuracy.other": 0.5}, "- robust.accuracy.other: in one run only"),
    ],
)
def test_another_machine_beyond_the_margins(made: Project, change: dict[str, float | None], line: str) -> None:
    """A figure that moved further than both half widths does not agree."""
    elsewhere(made)
    made.figures |= change
    made.write()
    code, said = judge(made)
    assert code == 1
    assert line in said.splitlines()


def test_another_machine_excuses_machines_only(made: Project) -> None:
    """Other parameters or a check that turned red are not the machine's doing."""
    elsewhere(made)
    made.params["harden"]["eps"] = 0.1
    made.red = {"robust.sanity.logits"}
    made.write()
    code, said = judge(made)
    assert code == 1
    assert "- train_hardened: harden.eps" in said
    assert "- robust.sanity.logits: red in one run" in said


@pytest.mark.parametrize("lost", ["README.md", "metrics/robust.json"])
def test_a_record_of_other_results(made: Project, lost: str) -> None:
    """Without a record of these very results no machine can be blamed."""
    elsewhere(made)
    (made.root / RECORD / lost).unlink()
    made.commit("Lose it")
    made.figures[WORST] = 0.6999
    made.write()
    code, said = judge(made)
    assert code == 1
    assert "docs/results/digits is no record of these results: `make record` says on what" in said


def test_a_record_that_does_not_know_the_machine(made: Project) -> None:
    """Results that were recorded elsewhere than they were made excuse no difference."""
    record(made, machine.UNKNOWN)
    made.commit("Record what came from elsewhere")
    made.figures[WORST] = 0.6999
    made.write()
    code, said = judge(made)
    assert code == 1
    assert "is no record of these results" in said


def test_as_a_command(made: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the finding and leaves with its code; what cannot be read is 2."""
    monkeypatch.chdir(elsewhere(made).root)
    monkeypatch.setattr(sys, "argv", ["reproduction", RECORD + "/"])
    reproduction.main()
    made.text("metrics/robust.json", "{")
    with pytest.raises(SystemExit) as end:
        reproduction.main()
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out.startswith("Reproduced to the byte")
    assert err.startswith("reproduction: metrics/robust.json in ")
