"""Every command of the project ends in one way: 0 done, 1 what was judged failed, 2 could not be done."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from robust_digits.command import guarded
from robust_digits.errors import InputError

pytestmark = pytest.mark.slow


ROOT = Path(__file__).parents[1]
COMMANDS = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    for path in (ROOT / "robust_digits").rglob("*.py")
    if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
)


def ended(main: Callable[[], int | None]) -> object:
    """Run a command and return the exit code of the process."""
    try:
        guarded(main)()
    except SystemExit as end:
        return end.code
    return 0


def raising(error: BaseException) -> Callable[[], None]:
    """Return a `main` that fails."""

    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize(("code", "expected"), [(None, 0), (0, 0), (1, 1), (2, 2)])
def test_what_main_returns_is_the_exit_code(code: int | None, expected: int) -> None:
    """Nothing returned is done."""
    assert ended(lambda: code) == expected


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("x: expected a, got b"), "test_commands: x: expected a, got b\n"),
        (PermissionError(13, "Permission denied", "x"), "test_commands: x: Permission denied\n"),
    ],
)
def test_what_the_user_can_mend_is_code_2(error: Exception, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Bad input is one line with the name of the command, and code 2."""
    assert ended(raising(error)) == 2
    assert capsys.readouterr() == ("", line)


def test_an_interruption_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends a command without a traceback, with the code of a shell."""
    assert ended(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "test_commands: interrupted\n"


@pytest.mark.parametrize("error", [ValueError("ours"), OSError("no file"), KeyError("ours")])
def test_a_fault_of_ours_keeps_its_traceback(error: Exception) -> None:
    """What nobody but us can mend is raised as it is."""
    with pytest.raises(type(error)) as caught:
        ended(raising(error))
    assert caught.value is error


def test_whoever_has_seen_enough_sees_no_traceback() -> None:
    """A command whose output is cut off by its reader ends quietly."""
    code = "from robust_digits.command import guarded; guarded(lambda: print(chr(10).join(['line'] * 100000)))()"
    piped = f'{sys.executable} -c "{code}" | head -n 1'
    done = subprocess.run(piped, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S602 (our own words)
    assert (done.stdout, done.stderr) == ("line\n", "")


@pytest.mark.parametrize("module", COMMANDS)
def test_every_command_is_guarded_and_explains_itself(module: str) -> None:
    """Each main of the package goes through the one wrapper, and `--help` has its name and what it does."""
    source = (ROOT / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8")
    assert re.search(r"^@guarded\ndef main\(\)", source, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: python -m {module}" in " ".join(done.stdout.split())
    assert len(done.stdout.splitlines()) > 3


@pytest.mark.parametrize(
    "module", [name for name in COMMANDS if name.partition(".")[2].startswith(("report", "record"))]
)
def test_outside_a_repository_a_command_says_so(module: str, tmp_path: Path) -> None:
    """What cannot be done for want of a project is one line and code 2, never a traceback."""
    recorded = ["HEAD", "out", "--command", "c"]
    needed = {"page": ["page.html"], "record": recorded, "trial": recorded, "reproduction": ["out"]}
    arguments = needed.get(module.rpartition(".")[2], [])
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"{module.rpartition('.')[2]}: ")


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a DVC project in git with a study in it, and no results."""
    root = tmp_path_factory.mktemp("committed") / "project"
    for name in ("dvc.yaml", "params.yaml", "docs/studies/epochs.yaml", ".dvc/config", ".gitignore"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    for folder in ("docs/studies/bases", "robust_digits", "stages"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    somebody = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "Begin"]):
        subprocess.run(["git", *somebody, *words], cwd=root, check=True, capture_output=True)
    return root


@pytest.mark.parametrize(
    ("command", "changed", "says"),
    [
        ("study.run epochs --mark", ("dvc.yaml", ": ["), "score@baseline: "),
        ("study.run epochs --set-param seed=[", (), "--set-param seed: expected a value in YAML, got '['"),
        ("record.dependencies", ("dvc.yaml", ": ["), "dvc.yaml: "),
        ("record.dependencies", ("dvc.yaml", "a: 1"), "dvc.yaml: expected a mapping of stages"),
        ("record.dependencies", ("stages/fetch.py", "def ("), "stages/fetch.py: line 1: "),
        ("record.record HEAD out --command c", (), "HEAD: no metrics; `dvc repro` makes it"),
        ("record.record nosuch out --command c", (), "nosuch: no such revision here; "),
    ],
)
def test_what_git_dvc_or_yaml_refuses_is_one_line(
    command: str, changed: tuple[str, ...], says: str, committed: Path, tmp_path: Path
) -> None:
    """A library that fails on what the user gave is bad input too: one line and code 2, never a traceback."""
    project = shutil.copytree(committed, tmp_path / "project")
    if changed:
        name, content = changed
        (project / name).write_text(content, encoding="utf-8")
    module, *arguments = command.split()
    done = subprocess.run(
        [sys.executable, "-m", f"robust_digits.{module}", *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{module.partition('.')[2]}: {says}")
    assert not (project / "out").exists()
