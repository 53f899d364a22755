"""A study under the real DVC, on a pipeline that takes no time: it survives, resumes, and runs nothing twice."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.processes import started_by
from support.studies import PARAMS, PLAN, WORK, command, git, studied, study
from support.terminal import lines, watched

from robust_digits import tables
from robust_digits.errors import InputError
from robust_digits.study import measures, run, spec, workspace
from robust_digits.study.spec import Params
from robust_digits.study.study import Study

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DONE = ["2", "200", "worst_case 100", "0.2", "0.0", ""]  # the first line of the study, once it has run


def ran(project: Path) -> list[str]:
    """Return which values have been evaluated so far."""
    lines = (project.parent / "ran.txt").read_text(encoding="utf-8").splitlines()
    return [line.split()[1] for line in lines if line.startswith("evaluate ")]


def found() -> list[list[str]]:
    """Return the table of the study, without its keys: value, images, which on fewer, metrics, whether it is stale.

    Nor what is measured of a model, which this pipeline does not keep.
    """
    left_out = {"key", *measures.COLUMNS}
    return [
        [cell for column, cell in row.items() if column not in left_out]
        for row in tables.read(spec.FOLDER / "epochs.csv")
    ]


def test_a_study_goes_on_after_a_failure_and_then_runs_only_what_is_missing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A failed value leaves its line empty, says why, and is the only one that runs when the study starts again."""
    assert studied() == ["3"]
    assert ran(project) == ["2", "3", "4"]
    assert found() == [DONE, ["3", "", "", "", "", ""], ["4", *DONE[1:3], "0.4", "0.0", ""]]
    printed, said = capfd.readouterr()
    assert "epochs: 0 of 3 done before, 0 stale, 3 missing" in printed
    assert "epochs, run 2 of 3: train.epochs 3\n" in printed
    assert "evaluate: params.yaml: train.epochs: expected another number, got 3" in said
    assert "train.epochs 3: failed\n" in printed
    monkeypatch.setenv("MENDED", "1")
    assert studied() == []
    assert "epochs: 2 of 3 done before, 0 stale, 1 missing" in capfd.readouterr().out
    assert ran(project) == ["2", "3", "4", "3"]
    assert found() == [[value, *DONE[1:3], f"0.{value}", "0.0", ""] for value in ("2", "3", "4")]
    assert (spec.FOLDER / "epochs.png").read_bytes().startswith(b"\x89PNG")
    assert git("status", "--porcelain").split()[1::2] == ["docs/studies/epochs.csv", "docs/studies/epochs.png"]


@pytest.mark.usefixtures("project")
def test_a_study_of_several_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures by their full names are those of their models, each of which is run; the table says whose they are."""
    monkeypatch.setenv("MENDED", "1")
    named = ["baseline.accuracy.clean", "robust.accuracy.clean"]
    plan = {**PLAN, "metrics": named, "values": [2]}
    Path("docs/studies/epochs.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    assert studied() == []
    assert list(tables.read(spec.FOLDER / "epochs.csv")[0]) == [
        "value",
        "images",
        "fewer",
        *named,
        *measures.COLUMNS,
        "key",
        "stale",
    ]
    assert found() == [["2", "200", "", "0.2", "1.0", ""]]


@pytest.mark.fault("recovered")
def test_a_study_that_was_interrupted_goes_on(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ended before the interruption is in the table, the rest runs when the study starts again."""
    monkeypatch.setenv("MENDED", "1")
    one = workspace.run

    def interrupted(folder: Path, params: Params, *targets: str) -> bool:
        if params["train"]["epochs"] == 3:
            raise KeyboardInterrupt
        return one(folder, params, *targets)

    monkeypatch.setattr(workspace, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        studied()
    assert found() == [DONE, ["3", "", "", "", "", ""], ["4", "", "", "", "", ""]]
    monkeypatch.setattr(workspace, "run", one)
    assert studied() == []
    assert ran(project) == ["2", "3", "4"]


def test_ctrl_c_ends_a_study_in_one_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the runs are seen at work; Ctrl-C ends them, leaves no copy behind, and the study can go on."""
    copies = project.parent / "copies"
    copies.mkdir()
    monkeypatch.setenv("TMPDIR", str(copies))
    monkeypatch.setenv("PYTHONPATH", str(Path(run.__file__).parents[2]))
    monkeypatch.setenv("SLOW", "1")
    command = (sys.executable, "-m", "robust_digits.study.run", "epochs")
    code, written = watched(*command, at=project, until=lambda written: "at work on 3" in written)
    assert code == 130
    shown = lines(written.replace("^C", ""))
    assert shown[-2:] == ["at work on 3", "run: interrupted"]
    assert "epochs, run 2 of 3: train.epochs 3" in shown
    assert not list(copies.glob("study-*"))
    monkeypatch.delenv("SLOW")
    monkeypatch.setenv("MENDED", "1")
    assert studied() == []
    assert ran(project) == ["2", "3", "3", "4"]


def test_what_is_edited_and_not_committed_runs_and_stays(project: Path) -> None:
    """A study runs the files as they are when it starts, and changes none of them."""
    edited = WORK.replace("epochs / 10", "epochs / 5").replace("epochs == 3", "epochs == 7")
    (project / "work.py").write_text(edited, encoding="utf-8")
    (project / "notes.txt").write_text("mine", encoding="utf-8")
    assert studied() == []
    assert [row[3] for row in found()] == ["0.4", "0.6", "0.8"]
    assert (project / "work.py").read_text(encoding="utf-8") == edited
    assert yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8")) == PARAMS
    assert (project / "notes.txt").exists()
    assert not (project / "data.txt").exists(), "it ran elsewhere"


def test_what_is_edited_while_studies_run_waits_for_the_next_start(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every run of a start has the code that its key stands for, also those of a study whose turn comes later."""
    (spec.FOLDER / "later.yaml").write_text(yaml.safe_dump({**PLAN, "values": [2]}), encoding="utf-8")
    ran_by: list[str] = []

    def edited(folder: Path, *_: object) -> bool:
        ran_by.append((folder / "work.py").read_text(encoding="utf-8"))
        changed_code(project)
        return False

    monkeypatch.setattr(workspace, "run", edited)
    monkeypatch.setattr(Study, "write", lambda _: None)
    assert command(monkeypatch, "epochs", "later") == 1
    assert ran_by == [WORK] * 4


def test_what_ran_before_comes_from_the_cache(done: Path) -> None:
    """With its table lost, a study is told again without a stage that runs."""
    before, table = ran(done), found()
    (spec.FOLDER / "epochs.csv").unlink()
    studied()
    assert ran(done) == before
    assert found() == table


@pytest.mark.usefixtures("project")
def test_a_key_stands_for_what_is_read() -> None:
    """It changes with the code and with a value that a stage reads, and with nothing else."""
    target = "score@baseline"

    def key(**values: object) -> str:
        named = {name.replace("__", "."): value for name, value in values.items()}
        return workspace.keys(Path(), {"run": spec.changed(PARAMS, named)}, target)["run"]

    first = key()
    assert first == key() == key(train__dropout=0.1) == key(elsewhere=2)
    assert len({first, key(train__epochs=2), key(data__source="mine.npz"), key(data__sha256="0" * 64)}) == 4
    assert key(data__source="/here/mine.npz") == key(data__source="/there/mine.npz")
    both = {"first": PARAMS, "longer": spec.changed(PARAMS, {"train.epochs": 2})}
    assert workspace.keys(Path(), both, target) == {"first": first, "longer": key(train__epochs=2)}


CHANGES = {  # of the code -> whether a result may be another
    "a comment": (WORK.replace("import json", "# why\nimport json"), False),
    "layout": (WORK.replace("epochs / 10", "(epochs\n    / 10)"), False),
    "a docstring": (f'"""Work."""\n{WORK}', False),
    "a constant": (WORK.replace("epochs / 10", "epochs / 11"), True),
    "a name": (WORK.replace("details", "made"), True),
}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("source", "counts"), CHANGES.values(), ids=CHANGES)
def test_a_key_stands_for_parsed_code(source: str, *, counts: bool) -> None:
    """A comment, the layout or a docstring changes no result and no key; anything that Python runs may."""
    runs = {"run": PARAMS}
    first = workspace.keys(Path(), runs, "score@baseline")
    Path("work.py").write_text(source, encoding="utf-8")
    assert (workspace.keys(Path(), runs, "score@baseline") != first) == counts


def changed_code(project: Path) -> None:
    """Change what the pipeline computes, so that every line is stale; 3 fails in the new code."""
    (project / "work.py").write_text(WORK.replace("epochs / 10", "epochs / 5"), encoding="utf-8")


def test_a_stale_line_stays_until_its_replacement_is_there(
    done: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What other code made is marked and kept; a run that fails leaves it, one that ends takes its place."""
    recorded = found()
    changed_code(done)
    monkeypatch.delenv("MENDED")
    capsys.readouterr()
    assert studied() == ["3"]
    assert "epochs: 0 of 3 done before, 3 stale, 0 missing" in capsys.readouterr().out
    of = DONE[1:3]
    assert found() == [["2", *of, "0.4", "0.0", ""], [*recorded[1][:-1], "yes"], ["4", *of, "0.8", "0.0", ""]]
    monkeypatch.setenv("MENDED", "1")
    assert studied() == []
    assert [row[3:] for row in found()] == [["0.4", "0.0", ""], ["0.6", "0.0", ""], ["0.8", "0.0", ""]]


@pytest.mark.fault("recovered")
def test_a_study_that_was_killed_goes_on(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed by what cannot be caught in the midst of an experiment, a study has lost no other one."""
    command = [sys.executable, "-m", "robust_digits.study.run", "epochs"]
    environment = {**os.environ, "SLOW": "1", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        assert any("at work on 3" in line for line in running.stdout)
        (dvc,) = started_by(running.pid)
        stages = started_by(dvc)
        running.kill()
        for left in (dvc, *stages):  # nobody ends these, which work in a copy of their own
            os.kill(left, signal.SIGKILL)
    assert found()[0] == DONE
    monkeypatch.setenv("MENDED", "1")
    assert studied() == []
    assert ran(project) == ["2", "3", "3", "4"], "the one that was killed runs again, and what ended does not"
    assert [row[0] for row in found() if not row[1]] == []


@pytest.mark.fault("recovered")
def test_a_killed_study_keeps_what_is_stale(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted before anything ended, a study has lost no figure."""
    recorded = found()
    changed_code(done)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(workspace, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        studied()
    assert [row[:-1] for row in found()] == [row[:-1] for row in recorded]


def test_marks_are_kept_without_a_run(
    done: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--mark` says and marks what is stale and runs nothing; back in its own code, nothing is stale."""
    before, recorded = ran(done), found()
    changed_code(done)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["study", "epochs", "--mark"])
    run.main()
    assert capsys.readouterr().out.splitlines()[-1] == "epochs: 0 of 3 done before, 3 stale, 0 missing"
    assert found() == [[*row[:-1], "yes"] for row in recorded]
    (done / "work.py").write_text(WORK, encoding="utf-8")
    run.main()
    assert found() == recorded
    assert ran(done) == before


@pytest.mark.usefixtures("done")
def test_what_is_not_asked_any_more_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A value that the plan no longer has leaves the table, and not in silence."""
    Path("docs/studies/epochs.yaml").write_text(yaml.safe_dump({**PLAN, "values": [2, 4]}), encoding="utf-8")
    capsys.readouterr()
    study({}, Path()).write()
    assert capsys.readouterr().out == "epochs: not asked any more: 3\n"
    assert [row[0] for row in found()] == ["2", "4"]


def test_a_metric_that_is_asked_since_then_is_measured(done: Path) -> None:
    """A line that lacks it is run again, out of the cache; what is unknown is empty and said so."""
    before = ran(done)
    Path("docs/studies/epochs.yaml").write_text(yaml.safe_dump({**PLAN, "metrics": ["clean", "pgd"]}), encoding="utf-8")
    assert studied() == []
    assert ran(done) == before
    assert found() == [[value, "200", "pgd 50", f"0.{value}", "", ""] for value in ("2", "3", "4")]


@pytest.mark.usefixtures("project")
def test_a_view_that_no_run_measures_is_refused() -> None:
    """A study that asks for an attack that is not in the suite says so before anything runs."""
    Path("docs/studies/epochs.yaml").write_text(yaml.safe_dump({**PLAN, "metrics": ["square"]}), encoding="utf-8")
    with pytest.raises(InputError, match=r"train\.epochs 2: square is not measured"):
        study({}, Path())


def test_the_model_of_a_study_is_run_whatever_its_figures_are_of(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seconds, weights and losses are the model's own, not those of one that an earlier study left."""
    monkeypatch.setenv("MENDED", "1")
    plan = {**PLAN, "metrics": ["robust.accuracy.clean"], "values": [2]}
    Path("docs/studies/epochs.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    assert studied() == []
    assert ran(project) == ["2", "2"], "both models are judged"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", ["train.epochs", "train", "train.epochs.first"])
def test_what_a_study_asks_cannot_be_set(name: str) -> None:
    """Runs of one value under the names of others would be recorded as theirs; nor the whole of it, or a part."""
    with pytest.raises(InputError, match=f"epochs: {re.escape(name)} is what the study asks"):
        study({name: 7}, Path())
