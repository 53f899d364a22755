"""Every command of the project ends in one way: 0 done, 1 what was judged failed, 2 could not be done."""

import re
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
    needed = {"page": ["page.html"], "record": ["HEAD", "out", "--command", "c"], "reproduction": ["out"]}
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
