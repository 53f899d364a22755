"""The real pipeline under the real DVC, killed at random, beside itself and in odd places: it comes to one dvc.lock."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from faults.fuzzing import VARIABLE
from support import pipeline
from support.processes import ended, started_by

pytestmark = pytest.mark.slow

TARGET = "normalize"  # and fetch before it: quick, and all that kills can spoil is there
TIMES = int(os.environ.get(VARIABLE, "1"))
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@dataclass(frozen=True)
class Whole:
    """A project before anything ran, and what a run leaves that nobody disturbs."""

    project: Path
    lock: bytes
    data: dict[str, str]


def data(project: Path) -> dict[str, str]:
    """Return the checksum of every file below data/."""
    files = sorted(path for path in (project / "data").rglob("*") if path.is_file())
    return {path.relative_to(project).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Run the stages undisturbed in a copy of the project."""
    fresh = pipeline.make_project(tmp_path_factory.mktemp("fresh"))
    run = Path(shutil.copytree(fresh, tmp_path_factory.mktemp("whole") / "project"))
    pipeline.run("dvc", "repro", TARGET, at=run)
    return Whole(fresh, (run / "dvc.lock").read_bytes(), data(run))


@pytest.fixture
def project(whole: Whole, tmp_path: Path) -> Path:
    """Return a copy of the project in which nothing ran."""
    return Path(shutil.copytree(whole.project, tmp_path / "project"))


@contextmanager
def repro(project: Path) -> Iterator["subprocess.Popen[str]"]:
    """Start `dvc repro`, and yield it when its first stage has begun."""
    with subprocess.Popen(
        ["dvc", "repro", TARGET],
        cwd=project,
        env={**os.environ, "PATH": PATH},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        assert running.stdout
        assert any("Running stage" in line for line in running.stdout)
        yield running


def assert_recovered(project: Path, whole: Whole) -> None:
    """Run again, and hold what is there then against an undisturbed run.

    DVC does not write dvc.lock in one step: killed in the midst of it, it leaves half of one, which it refuses next
    time. What git has in its place, here nothing, is enough: of what ran already DVC's run cache knows.
    """
    again = ["dvc", "repro", TARGET]
    refused = subprocess.run(again, cwd=project, env={**os.environ, "PATH": PATH}, capture_output=True, check=False)
    if refused.returncode:
        assert b"dvc.lock" in refused.stderr
        (project / "dvc.lock").unlink()
        pipeline.run(*again, at=project)
    assert (project / "dvc.lock").read_bytes() == whole.lock
    assert data(project) == whole.data, "the same files, and nothing half-written beside them"


@pytest.mark.fault("recovered")
@pytest.mark.parametrize("moment", range(TIMES))
def test_dvc_is_killed(moment: int, project: Path, whole: Whole) -> None:
    """Whenever DVC is killed its stage ends too; the next run is as if nothing had been."""
    with repro(project) as running:
        time.sleep(random.Random(moment).uniform(0, 2))  # noqa: S311 (no secret)
        stages = started_by(running.pid)
        running.kill()
    assert all(map(ended, stages))
    assert_recovered(project, whole)


@pytest.mark.fault("recovered")
@pytest.mark.parametrize("moment", range(TIMES))
def test_a_stage_is_killed(moment: int, project: Path, whole: Whole) -> None:
    """A stage that is killed, as where memory runs out, ends the run with an error; the next run goes on."""
    with repro(project) as running:
        time.sleep(random.Random(moment).uniform(0, 0.2))  # noqa: S311 (no secret)
        (stage,) = started_by(running.pid)
        os.kill(stage, signal.SIGKILL)
        assert running.wait() != 0
    assert_recovered(project, whole)


@pytest.mark.fault("refused")
def test_a_second_run_in_the_same_workspace(project: Path, whole: Whole) -> None:
    """Beside one that runs a second one is told who is at it, and changes nothing."""
    with repro(project) as running:
        (stage,) = started_by(running.pid)
        os.kill(stage, signal.SIGSTOP)  # so that the first one is still at it when the second one looks
        said = pipeline.run("dvc", "repro", TARGET, at=project, expect=255)
        os.kill(stage, signal.SIGCONT)
        assert f"(PID {running.pid})" in said
        assert running.wait() == 0
    assert (project / "dvc.lock").read_bytes() == whole.lock
    assert data(project) == whole.data


@pytest.mark.fault("recovered")
@pytest.mark.parametrize("home", [None, "/proc"], ids=["no home", "a home that cannot be written"])
def test_in_an_odd_place(home: str | None, whole: Whole, tmp_path: Path) -> None:
    """Spaces and umlauts in the path, another folder to start from, no home, another locale: the same results."""
    project = Path(shutil.copytree(whole.project, tmp_path / "ein prüf stand" / "pröject"))
    environment = {name: value for name, value in os.environ.items() if name not in {"HOME", "XDG_CACHE_HOME"}}
    environment |= {"PATH": PATH, "LC_ALL": "C"} | ({"HOME": home} if home else {})
    subprocess.run(
        ["dvc", "repro", f"../dvc.yaml:{TARGET}"],
        cwd=project / "stages",
        env=environment,
        capture_output=True,
        check=True,
    )
    assert (project / "dvc.lock").read_bytes() == whole.lock
    assert data(project) == whole.data
