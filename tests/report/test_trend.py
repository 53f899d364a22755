"""The trend: every figure that must hold over the commits of a branch, what moved, and what changed with it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import commands
from support.made_up import Project, project
from support.pictures import assert_picture

pytestmark = pytest.mark.slow


ROOT = Path(__file__).parents[2]
CLEAN, WORST = "hardened.accuracy.clean", "hardened.accuracy.worst_case"
LEFT_OUT = (
    "Of {} commits that changed results, parameters or limits {} stand here. Left out: {} whose results are not those "
    "of their code, {} whose results cannot be read, {} at which nothing moved."
)


def run(*arguments: str, at: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, where neither DVC nor TensorFlow can be imported."""
    return commands.run("report.trend", *arguments, at=at, without=["dvc", "tensorflow", "keras", "art"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project whose branch main has a commit of each kind, the first from before certificates."""
    made = project(tmp_path_factory.mktemp("trend") / "project")
    certified = made.figures.pop("hardened.certified.accuracy")
    made.commit("Measure less")
    made.figures["hardened.certified.accuracy"] = certified
    made.figures[WORST] = 0.5
    made.params["harden"]["steps"] = 3
    made.commit("Harden in fewer steps | faster")
    made.code["stages/evaluate.py"] = "judge(harder)\n"
    made.params["evaluate"]["attacks"]["pgd"]["steps"] = 100
    made.commit("Attack harder")
    made.gate["metrics"]["hardened"]["accuracy.worst_case"]["floor"] = 0.4
    made.commit("Hold less")
    made.params["train"]["epochs"] = 30
    made.commit("Set what no stage reads")
    made.text("params.yaml", (made.root / "params.yaml").read_text(encoding="utf-8").replace("steps: 3", "steps: 4"))
    made.git("commit", "--quiet", "--all", "--message", "Forget to run")
    made.text("metrics/robust.json", "[]")
    made.git("commit", "--quiet", "--all", "--message", "Break a file")
    return made


@pytest.fixture(scope="module")
def told(made: Project) -> dict[str, Any]:
    """Return what the command says of it for machines."""
    content: dict[str, Any] = json.loads(run("--json", at=made.root).stdout)
    return content


def test_a_line_for_each_commit_at_which_something_moved(made: Project) -> None:
    """The newest is first; a line has what moved, from what to what, and which kind of thing changed with it."""
    done = run(at=made.root)
    assert (done.returncode, done.stderr) == (0, "")
    header, _, *rows, blank, left_out = done.stdout.splitlines()
    assert header == "| commit | date | subject | moved | changed with it |"
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
    assert [row[2:] for row in cells] == [
        ["`Hold less`", "", "gate"],
        ["`Attack harder`", "", "evaluation parameters, evaluation code"],
        [
            "`Harden in fewer steps &#124; faster`",
            f"`{WORST}` 70.0% → 50.0% (weaker), `hardened.certified.accuracy` - → 55.0% (new)",
            "parameters",
        ],
        ["`Measure less`", "`hardened.certified.accuracy` 55.0% → - (gone)", ""],
        [
            "`Begin`",
            f"`baseline.accuracy.clean` 98.0%, `{CLEAN}` 96.0%, `{WORST}` 70.0%, `hardened.certified.accuracy` 55.0%",
            "where the trend begins",
        ],
    ]
    assert (blank, left_out) == ("", LEFT_OUT.format(8, 5, 1, 1, 1))


def test_machines_are_told_the_names(made: Project, told: dict[str, Any]) -> None:
    """JSON has every gated figure at every commit, and what changed by its names."""
    figures = ["baseline.accuracy.clean", CLEAN, WORST, "hardened.certified.accuracy"]
    assert told["figures"] == figures
    assert [each["figures"] for each in told["commits"]] == [
        dict(zip(figures, values, strict=True))
        for values in [(0.98, 0.96, 0.5, 0.55)] * 3 + [(0.98, 0.96, 0.7, None), (0.98, 0.96, 0.7, 0.55)]
    ]
    assert [each["changed"] for each in told["commits"]] == [
        {"gate": ["metrics.hardened.accuracy.worst_case.floor"]},
        {"evaluation parameters": ["evaluate.attacks.pgd.steps"], "evaluation code": ["stages/evaluate.py"]},
        {"parameters": ["harden.steps"]},
        {},
        {},
    ]
    assert told["commits"][-1]["commit"] == made.git("rev-list", "--max-parents=0", "main")
    assert told["commits"][-1]["date"] == made.git("log", "-1", "--format=%cs", told["commits"][-1]["commit"])
    assert told["left_out"] == {"stale": 1, "unreadable": 1, "unmoved": 1}


def test_it_is_drawn_where_a_file_is_named(made: Project, tmp_path: Path) -> None:
    """`--output` draws a PNG, the same bytes each time."""
    for name in ("first.png", "second.png"):
        assert run("--output", str(tmp_path / name), at=made.root).returncode == 0
    assert_picture(tmp_path / "first.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_a_limit_asks_the_newest(made: Project) -> None:
    """With a limit the trend begins later, with values and not with moves."""
    lines = run("--limit", "4", at=made.root).stdout.splitlines()
    assert len(lines) == 5
    assert "| `Hold less` | `baseline.accuracy.clean` 98.0%, " in lines[2]
    assert lines[-1] == LEFT_OUT.format(4, 1, 1, 1, 1)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--base", "nowhere"), "trend: nowhere: no such revision here; "),
        (("--limit", "0"), "trend: --limit: expected 1 commit at least, got 0\n"),
        (("--limit", "1"), "trend: main: no commit has results that are those of its code; `dvc repro`, then commit\n"),
    ],
)
def test_what_cannot_be_told(arguments: tuple[str, ...], line: str, made: Project) -> None:
    """A branch that is not here, an impossible limit, or no results at all are one line and 2."""
    done = run(*arguments, at=made.root)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(line)
    assert len(done.stderr.splitlines()) == 1


def test_without_limits_there_is_no_trend(tmp_path: Path) -> None:
    """The figures are those of gate.yaml in the newest commit: without it, or without any, one line says so."""
    made = project(tmp_path / "project", gate={"level": 0.05, "metrics": {}, "accepted": {}})
    done = run(at=made.root)
    assert done.returncode == 2
    assert re.fullmatch(r"trend: gate\.yaml in \w{12}: expected a figure under metrics, got none\n", done.stderr)
    made.git("rm", "--quiet", "gate.yaml")
    made.git("commit", "--quiet", "--message", "Hold nothing")
    done = run(at=made.root)
    assert done.returncode == 2
    assert done.stderr.startswith("trend: gate.yaml: not in ")


def test_this_project() -> None:
    """The history of this very repository, whatever its age, is told without a fault."""
    done = run("--base", "HEAD", "--limit", "12", at=ROOT)
    assert done.returncode in {0, 2}, done.stderr
    assert "Traceback" not in done.stderr
