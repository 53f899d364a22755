"""The report as a command: what it prints, writes and leaves with, on repositories whose verdict is plain."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import commands
from support.made_up import Project, branch

from robust_digits.judge import scoring
from robust_digits.report.significance import mcnemar

pytestmark = pytest.mark.slow


ROOT = Path(__file__).parents[2]
WORST = "hardened.accuracy.worst_case"


def run(*arguments: str, at: Path) -> subprocess.CompletedProcess[str]:
    """Run the report in a folder, where neither DVC nor TensorFlow can be imported."""
    return commands.run("report.report", *arguments, at=at, without=["dvc", "tensorflow", "keras", "art", "matplotlib"])


@pytest.fixture(scope="module")
def weaker(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project on a branch that broke hardening."""
    root = tmp_path_factory.mktemp("report") / "project"
    return branch(root, {WORST: 0.0, "hardened.accuracy.clean": 0.97}, harden={"eps": 0.0})


@pytest.fixture(scope="module")
def said(weaker: Project) -> str:
    """Return the report on it."""
    return run(at=weaker.root).stdout


def test_a_branch_that_breaks_hardening(weaker: Project) -> None:
    """The verdict is the first line and names the figure; the exit code is 1 and nothing else is printed."""
    done = run("--base", "main", at=weaker.root)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[0] == f"## 🔴 Weaker: `{WORST}` fell from 70.0% to 0.0%"


def test_a_branch_that_does_no_harm(weaker: Project) -> None:
    """Where nothing that must hold regressed the exit code is 0."""
    done = run("--base", "HEAD", at=weaker.root)
    assert done.returncode == 1  # the floor
    done = run("--base", "main", "--here", "main", at=weaker.root)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "## 🟢 Unchanged: every figure is that of the base"


def test_every_part_is_there(said: str, weaker: Project) -> None:
    """Figures, models, curve, checks, parameters, stages, versions and commits are in the report."""
    here, base = weaker.git("rev-parse", "HEAD"), weaker.git("rev-parse", "main")
    for part in (
        f"`Try an idea`: commit {here[:12]} against {base[:12]}, where it left `main`.",
        f"| `{WORST}` | 70.0% | 0.0% | -70.0 | 700 broke, 0 mended | drop ≤ 2, ≥ 50% | **weaker** |",
        "| `hardened.accuracy.clean` | 96.0% | 97.0% | +1.0 | 0 broke, 10 mended | drop ≤ 1, ≥ 90% | better |",
        "chance was told from change image by image (exact McNemar test)",
        f"| `{WORST}` | 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19 and 680 more | none |",
        "| model | clean | FGM transfer, eps 0.5 | FGM white-box, eps 0.5 | worst case, eps 0.2 | certified, eps 0.2 |",
        "<details><summary>18 figures unchanged</summary>",
        "| hardened | 97.0% (was 96.0%) | 90.0% | 80.0% | 0.0% (was 70.0%) | 55.0% |",
        "🟦 baseline 🟧 robust 🟩 hardened (paler: at the base)",
        "```mermaid\n---\nconfig:",
        "6 of 6 checks of the evaluation are green.",
        "Parameters: `harden.eps` 0.2 → 0.0.",
        "<details><summary>4 of 10 stages ran again</summary>",
        "| `train_hardened` | `harden.eps` | changed |",
        "From the cache, as at the base: `train_baseline`, `train_robust`, `evaluate@baseline`, `evaluate@robust`, ",
        f"base {base}, here {here}",
        "tensorflow 2.21.0, numpy 2.2.6",
    ):
        assert part in said, part


def test_it_is_markdown(said: str) -> None:
    """Every table has a blank line before it, and rows as wide as its header; every fold is closed."""
    assert said.count("<details>") == said.count("</details>") > 0
    for table in re.findall(r"(?:^\|.*\|\n)+", said, re.MULTILINE):
        assert f"\n\n{table}" in said
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_two_runs_give_the_same_bytes(weaker: Project, said: str, tmp_path: Path) -> None:
    """The report has no time and no place in it; a file holds what the terminal shows."""
    assert run("--output", str(tmp_path / "new" / "report.md"), at=weaker.root).stdout == ""
    assert (tmp_path / "new" / "report.md").read_text(encoding="utf-8") == said
    assert str(weaker.root) not in said


def test_json_is_for_machines(weaker: Project) -> None:
    """The same as JSON, with the verdict, the exit code and every figure, check and stage."""
    done = run("--json", at=weaker.root)
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == found["exit_code"] == 1
    assert (found["code"], found["verdict"]) == ("weaker", f"Weaker: `{WORST}` fell from 70.0% to 0.0%")
    assert (found["same_models"], found["rejudged"]) == (["baseline", "robust"], False)
    assert found["figures"][0] == {
        "name": WORST,
        "base": 0.7,
        "here": 0.0,
        "status": "weaker",
        "limit": {"drop": 0.02, "floor": 0.5},
        "difference": {"p": mcnemar(700, 0), "test": "McNemar", "broke": list(range(700)), "mended": []},
        "reason": "",
        "luck": None,
        "base_interval": list(scoring.interval(700, 1000)),
        "here_interval": list(scoring.interval(0, 1000)),
    }
    assert found["params"] == {"harden.eps": [0.2, 0.0]}
    assert len(found["checks"]) == 6
    assert found["uncommitted_changes"] is False


def test_a_bare_clone(weaker: Project, said: str, tmp_path: Path) -> None:
    """A bare clone says the same: neither a working tree nor a cache is needed."""
    weaker.git("clone", "--quiet", "--bare", str(weaker.root), str(tmp_path / "bare"))
    done = run(at=tmp_path / "bare")
    assert (done.returncode, done.stdout) == (1, said)


def test_uncommitted_results_are_judged_and_told(weaker: Project, tmp_path: Path) -> None:
    """Results that are not committed yet are judged, and the report says so."""
    made = Project(shutil.copytree(weaker.root, tmp_path / "copy"))
    made.figures[WORST] = 0.9
    made.write()
    done = run(at=made.root)
    assert done.returncode == 0
    assert "with uncommitted changes" in done.stdout
    assert done.stdout.startswith(f"## 🟢 Stronger: `{WORST}` rose from 70.0% to 90.0%")
    assert run("--here", "HEAD", at=made.root).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--base", "origin/nowhere"], "origin/nowhere: no such revision here; `git fetch origin"),
        (["--here", "f" * 40], "f" * 40 + ": no such revision here"),
    ],
)
def test_a_revision_that_is_not_here(weaker: Project, arguments: list[str], reason: str, tmp_path: Path) -> None:
    """What cannot be compared is 2, never 0: one line says why, and so do the document and the JSON."""
    done = run(*arguments, at=weaker.root)
    assert done.returncode == 2
    assert done.stderr.startswith(f"report: {reason}")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout.splitlines()[0] == "## ⚪ Could not compare"
    assert reason in done.stdout
    found = json.loads(run(*arguments, "--json", at=weaker.root).stdout)
    assert found["exit_code"] == 2
    assert reason in found["verdict"]
    assert run(*arguments, "--output", str(tmp_path / "report.md"), at=weaker.root).returncode == 2
    assert reason in (tmp_path / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        ("metrics/robust.json", "{", "score@robust wrote another metrics/robust.json"),
        ("params.yaml", "harden: {eps: 0.1}", "the results are not those of"),
        ("dvc.lock", "[]", "dvc.lock in"),
        ("gate.yaml", "level: 5", "gate.yaml: metrics is missing"),
    ],
)
@pytest.mark.fault("refused")
def test_what_cannot_be_read(weaker: Project, tmp_path: Path, path: str, content: str, reason: str) -> None:
    """A file that is broken, or results that are not those of the code beside them, are 2 and named."""
    made = Project(shutil.copytree(weaker.root, tmp_path / "copy"))
    made.text(path, content)
    done = run(at=made.root)
    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_a_base_without_metrics(weaker: Project, tmp_path: Path) -> None:
    """A base that was never judged cannot be compared with."""
    made = Project(shutil.copytree(weaker.root, tmp_path / "copy"))
    made.git("switch", "--quiet", "main")
    made.git("rm", "--quiet", "-r", "metrics")
    made.git("commit", "--quiet", "--message", "Forget")
    made.git("switch", "--quiet", "--create", "later")
    made.commit("Measure again")
    done = run(at=made.root)
    assert done.returncode == 2
    assert "metrics: no metrics of any model in" in done.stderr


@pytest.mark.fault("refused")
def test_a_base_whose_plots_are_broken(weaker: Project, tmp_path: Path) -> None:
    """What is read only while the report is written is refused in the report too."""
    made = Project(shutil.copytree(weaker.root, tmp_path / "copy"))
    made.git("switch", "--quiet", "main")
    for table in (made.root / "plots/security").glob("*.csv"):
        table.write_text("a,b\n1\n", encoding="utf-8")
    made.git("commit", "--quiet", "--all", "--message", "Break")
    made.git("switch", "--quiet", "--create", "later")
    made.commit("Mend")
    done = run(at=made.root)
    assert done.returncode == 2
    assert "expected a header and rows of as many cells" in done.stderr
    assert done.stdout.splitlines()[0] == "## ⚪ Could not compare"


@pytest.mark.fault("refused")
def test_a_shallow_clone(weaker: Project, tmp_path: Path) -> None:
    """A clone without the history says what to fetch."""
    weaker.git("clone", "--quiet", "--depth=1", "--no-single-branch", weaker.root.as_uri(), str(tmp_path / "shallow"))
    done = run("--base", "origin/main", at=tmp_path / "shallow")
    assert done.returncode == 2
    assert "git fetch --unshallow" in done.stderr


def test_a_file_that_cannot_be_written(weaker: Project, tmp_path: Path) -> None:
    """A report that nobody can read is 2, whatever it says."""
    (tmp_path / "file").touch()
    done = run("--output", str(tmp_path / "file" / "report.md"), at=weaker.root)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_help_says_the_exit_codes(weaker: Project) -> None:
    """The help lists the options and what the exit codes mean; an unknown option is 2 like all that cannot be done."""
    done = run("--help", at=weaker.root)
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("--base", "--json", "--output", "  1  a regression", "  2  could not"))
    assert run("--bass", "main", at=weaker.root).returncode == 2


def test_make_report() -> None:
    """`make report` runs the command with what it is given, and compares with main if not told otherwise."""
    for given, options in (
        ([], "--base 'main'"),
        (["BASE=origin/main", "HERE=HEAD", "OUTPUT=out.md"], "--base 'origin/main' --here 'HEAD' --output 'out.md'"),
    ):
        command = ["make", "--silent", "--dry-run", "report", *given]
        printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert printed.splitlines()[-1].split() == ["python", "-m", "robust_digits.report.report", *options.split()]
