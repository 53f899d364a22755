"""The workflows are what their schemas allow, ask for no right that they do not need, and their steps do their work."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.made_up import Project, branch

from robust_digits.record import machine

pytestmark = pytest.mark.slow


ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORST = "hardened.accuracy.worst_case"
# Stands for make: takes minutes off check, test and repro, seconds off page unless a test asks for it, and is make for
# everything else.
MAKE = """#!/bin/sh
echo "$*" >> "$CALLS"
for word in "$@"; do
  case $word in
    check | test) exit 0 ;;
    repro) eval "${REPRO:-true}"; exit ;;
    page) test -n "$DRAW" || { echo drawn > page.html; exit; } ;;
  esac
done
exec "$REAL_MAKE" "$@"
"""
# Stands for GitHub's command: keeps what it is told, and knows one comment, or none.
GH = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in
  *--jq*) test -z "$COMMENT" || echo "$COMMENT" ;;
esac
"""


def workflow(name: str) -> dict[Any, Any]:
    """Return a workflow; YAML 1.1 reads the key `on` as true."""
    found: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))
    return found


def tool(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a checker that was installed beside this Python."""
    path = str(Path(sys.executable).parent / command[0])
    return subprocess.run([path, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("schema", "files"),
    [("github-workflows", [str(path) for path in WORKFLOWS]), ("gitlab-ci", [".gitlab-ci.yml"])],
    ids=["github", "gitlab"],
)
def test_schema(schema: str, files: list[str]) -> None:
    """Each file is what its schema allows; the schemas are installed, nothing is downloaded."""
    assert files
    done = tool("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)
    assert done.returncode == 0, done.stdout + done.stderr


def test_auditor_finds_nothing() -> None:
    """An auditor of workflows, at its strictest, has nothing to say."""
    done = tool("zizmor", "--offline", "--no-config", "--persona=pedantic", *map(str, WORKFLOWS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No findings" in done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_least_privilege(path: Path) -> None:
    """Actions are pinned by commit with their version; no secret, no write to code, no run on others' behalf."""
    text = path.read_text(encoding="utf-8")
    uses = re.findall(r"uses: (.*)", text)
    assert uses
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use) for use in uses), uses
    assert not re.search(r"pull_request_target|workflow_run|secrets\.|write-all|contents: write", text)
    content = workflow(path.name)
    assert content["permissions"] == {}
    assert content["concurrency"]["group"]
    for job in content["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 90
        runs_code = any("checkout" in step.get("uses", "") for step in job["steps"])
        assert job["permissions"] == ({"contents": "read"} if runs_code else {"pull-requests": "write"})
        for step in job["steps"]:
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


def test_expressions_stay_out_of_scripts() -> None:
    """What a pull request can name, such as a branch, reaches a script as a variable and never as its text."""
    runs = [
        step["run"]
        for path in WORKFLOWS
        for job in workflow(path.name)["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    assert runs
    assert not any("${{" in run for run in runs)


def test_weekly_is_from_nothing() -> None:
    """The weekly run has no cache, and the oldest and newest Python that the project says it supports."""
    job = workflow("weekly.yml")["jobs"]["from-nothing"]
    assert not any("cache" in step.get("uses", "") for step in job["steps"])
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    oldest, beyond = re.findall(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', project)[0]
    assert job["strategy"]["matrix"]["python"] == [f"3.{oldest}", f"3.{int(beyond) - 1}"]


class Runner:
    """A machine of GitHub's: a clone, the stand-ins, and a file for the summary."""

    def __init__(self, made: Project, at: Path) -> None:
        """Clone a project whose results are recorded as this machine's."""
        self.at, self.bin = at / "clone", at / "bin"
        made.git("clone", "--quiet", "--branch", "idea", str(made.root), str(self.at))
        self.calls, self.summary = at / "calls.txt", at / "summary.md"
        self.bin.mkdir()
        python = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
        for name, content in {"make": MAKE, "gh": GH, "chromium": "#!/bin/sh\n", "python": python}.items():
            (self.bin / name).write_text(content, encoding="utf-8")
            (self.bin / name).chmod(0o755)
        (self.at / ".venv").mkdir()
        (self.at / ".venv" / ".locked").touch()

    def sh(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script as the workflows' shell does."""
        variables |= {"CALLS": str(self.calls), "REAL_MAKE": str(shutil.which("make")), "PYTHONPATH": str(ROOT)}
        variables |= {"GITHUB_STEP_SUMMARY": str(self.summary), "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}"}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        environment = {**os.environ, **variables}
        return subprocess.run(command, cwd=self.at, env=environment, capture_output=True, text=True, check=False)

    def job(self, steps: list[dict[str, Any]], **variables: str) -> list[str]:
        """Run the scripts of a job, after a failure only those that say so; return the names of those that failed."""
        failed: list[str] = []
        for step in steps:
            always = "!cancelled()" in step.get("if", "")
            if "run" in step and (not failed or always) and self.sh(step["run"], **variables).returncode:
                failed.append(step["name"])
        return failed


def made_up(root: Path, worst: float) -> Project:
    """Return a project with this one's Makefile, whose results are recorded as this machine's."""
    made = branch(root, {WORST: worst})
    shutil.copyfile(ROOT / "Makefile", made.root / "Makefile")
    shutil.copyfile(ROOT / ".gitignore", made.root / ".gitignore")
    made.text("docs/results/digits/README.md", f"- machine: {machine.name()}\n")
    shutil.copytree(made.root / "metrics", made.root / "docs/results/digits/metrics")
    made.commit("Record")
    return made


@pytest.fixture(scope="module")
def fine(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project on a branch that made hardening better."""
    return made_up(tmp_path_factory.mktemp("fine") / "project", 0.8)


@pytest.fixture(scope="module")
def weaker(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project on a branch that broke hardening."""
    return made_up(tmp_path_factory.mktemp("weaker") / "project", 0.0)


JUDGE = workflow("pull-request.yml")["jobs"]["judge"]["steps"]
COMMENT = workflow("pull-request.yml")["jobs"]["comment"]["steps"]


def test_a_pull_request_that_does_no_harm(fine: Project, tmp_path: Path) -> None:
    """Every step passes in the order that a reviewer expects; verdict and reproduction are in the summary."""
    runner = Runner(fine, tmp_path)
    assert runner.job(JUDGE, BASE="origin/main", DRAW="yes") == []
    calls = [re.sub("--silent ", "", line).split()[0] for line in runner.calls.read_text().splitlines()]
    assert calls == ["check", "test", "repro", "reproduced", "report", "page"]
    summary = runner.summary.read_text(encoding="utf-8")
    assert summary.startswith("Reproduced to the byte")
    assert f"\n## 🟢 Stronger: `{WORST}` rose from 70.0% to 80.0%" in summary
    assert (runner.at / "report.md").read_text(encoding="utf-8") in summary
    assert (runner.at / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_pull_request_that_breaks_hardening(weaker: Project, tmp_path: Path) -> None:
    """The verdict fails the job, stands in the summary, and the page is drawn all the same."""
    runner = Runner(weaker, tmp_path)
    assert runner.job(JUDGE, BASE="origin/main") == ["Say what the commit did to robustness"]
    assert f"## 🔴 Weaker: `{WORST}` fell from 70.0% to 0.0%" in runner.summary.read_text(encoding="utf-8")
    assert (runner.at / "page.html").exists()


def test_results_that_were_not_committed(fine: Project, tmp_path: Path) -> None:
    """A pipeline that gives other bytes fails the job and names the file; the verdict is on what was committed."""
    runner = Runner(fine, tmp_path)
    failed = runner.job(JUDGE, BASE="origin/main", REPRO="echo '{}' > metrics/robust.json")
    assert failed == ["Compare with what was committed"]
    summary = runner.summary.read_text(encoding="utf-8")
    assert summary.startswith("Not reproduced, on the same kind of machine")
    assert "- metrics/robust.json" in summary
    assert "## 🟢 Stronger" in summary


def test_a_pipeline_that_fails(fine: Project, tmp_path: Path) -> None:
    """When the pipeline itself fails there is a verdict still."""
    runner = Runner(fine, tmp_path)
    assert runner.job(JUDGE, BASE="origin/main", REPRO="exit 1") == ["Run the pipeline"]
    assert "## 🟢 Stronger" in runner.summary.read_text(encoding="utf-8")


def test_a_base_that_cannot_be_read(fine: Project, tmp_path: Path) -> None:
    """Without a base the job fails and the summary says why."""
    runner = Runner(fine, tmp_path)
    assert runner.job(JUDGE, BASE="origin/nowhere", DRAW="yes") == ["Say what the commit did to robustness", "Draw it"]
    assert "## ⚪ Could not compare\n\norigin/nowhere: no such revision here" in runner.summary.read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(("comment", "call"), [("", "--method POST"), ("77", "--method PATCH")], ids=["new", "renewed"])
def test_one_sticky_comment(fine: Project, tmp_path: Path, comment: str, call: str) -> None:
    """The comment is written once and then renewed; it starts with a mark and fits into GitHub's limit."""
    runner = Runner(fine, tmp_path)
    (runner.at / "report.md").write_text("## verdict\n" + "x" * 100_000, encoding="utf-8")
    assert runner.job(COMMENT, COMMENT=comment, NUMBER="5", GITHUB_REPOSITORY="me/mine") == []
    asked, told = runner.calls.read_text().splitlines()
    assert asked.startswith("api --paginate repos/me/mine/issues/5/comments --jq ")
    assert call in told
    assert ("repos/me/mine/issues/comments/77" if comment else "repos/me/mine/issues/5/comments") in told
    body = (runner.at / "comment.md").read_text(encoding="utf-8")
    assert body.startswith("<!-- robust-digits: verdict -->\n## verdict\n")
    assert len(body) < 65_536


def test_forks_get_no_comment() -> None:
    """The job that may comment runs for branches of this repository only, and runs nothing that they wrote."""
    job = workflow("pull-request.yml")["jobs"]["comment"]
    assert "github.event.pull_request.head.repo.full_name == github.repository" in job["if"]
    assert not any("checkout" in step.get("uses", "") or "make" in step.get("run", "") for step in job["steps"])


def test_weekly_steps(fine: Project, tmp_path: Path) -> None:
    """The weekly steps pass, and fail where the results are not those that were committed."""
    steps = workflow("weekly.yml")["jobs"]["from-nothing"]["steps"]
    runner = Runner(fine, tmp_path)
    assert runner.job(steps) == []
    assert runner.job(steps, REPRO="echo '{}' > metrics/robust.json") == ["Compare with what was committed"]


@pytest.mark.parametrize("harm", [False, True], ids=["fine", "weaker"])
def test_gitlab(fine: Project, weaker: Project, tmp_path: Path, harm: bool) -> None:  # noqa: FBT001 (pytest's)
    """GitLab's one job draws the page, prints the verdict, and fails with it."""
    job = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text(encoding="utf-8"))["judge"]
    runner = Runner(weaker if harm else fine, tmp_path)
    done = runner.sh("\n".join([job["before_script"][1], *job["script"]]), BASE="origin/main")
    assert done.returncode == int(harm), done.stderr
    assert ("## 🔴 Weaker" if harm else "## 🟢 Stronger") in done.stdout
    assert (runner.at / "page.html").exists()


@pytest.mark.parametrize("token", ["", "secret"])
def test_gitlab_note(token: str, tmp_path: Path) -> None:
    """The note is asked for wherever there is a merge request, and written where the environment has a token."""
    job = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text(encoding="utf-8"))["note"]
    assert [rule["if"] for rule in job["rules"]] == ["$CI_MERGE_REQUEST_IID"]
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/sh\necho "$*" >> calls\n', encoding="utf-8")
    curl.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "REPORT_TOKEN": token, "CI_API_V4_URL": "api"}
    subprocess.run(["sh", "-ec", "\n".join(job["script"])], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "calls").exists() == bool(token)
