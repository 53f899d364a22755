"""One name for every command: it hands over, lists what there is without loading it, and installs from a checkout."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

from robust_digits import cli

pytestmark = pytest.mark.slow


ROOT = Path(__file__).parents[1]
COMMANDS = (
    "judge",
    "export",
    "report",
    "page",
    "history",
    "openmetrics",
    "audit",
    "gate",
    "study",
    "survey",
    "lab",
    "answers",
    "networks",
    "record",
    "trial",
    "reproduced",
    "pages",
    "deps",
)


def run(*arguments: str, at: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, where nothing that takes long to load can be imported."""
    forbid = (
        "import sys; sys.modules.update(dict.fromkeys(['dvc', 'tensorflow', 'keras', 'art', 'matplotlib', 'numpy']));"
    )
    start = f"{forbid} from robust_digits.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", start, *arguments],
        cwd=at,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_lists_every_command(tmp_path: Path) -> None:
    """Each is there by the name that make knows, with what its module says first; nothing heavy is loaded for it."""
    done = run("--help", at=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    listed = dict(re.findall(r"^  (\w+) +([A-Z].*\.)$", done.stdout, re.MULTILINE))
    assert tuple(listed) == COMMANDS
    assert listed["gate"] == (import_module("robust_digits.report.gate").__doc__ or "").splitlines()[0]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(f"\n{name}: " in makefile for name in COMMANDS if name != "trial")
    assert "robust_digits.record.trial" in makefile, "of which `make detect` is made"


def test_every_command_of_the_package_has_a_name(tmp_path: Path) -> None:
    """A module that runs by `python -m` is one of those listed, and the other way round."""
    told = run("--help", at=tmp_path).stdout
    modules = [
        path
        for path in (ROOT / "robust_digits").rglob("*.py")
        if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
    ]
    assert len(modules) == len(COMMANDS)
    for path in modules:
        assert path.read_text(encoding="utf-8").partition("\n")[0].strip('"') in told


@pytest.mark.parametrize(("arguments", "got"), [(("jugde", "--help"), "jugde"), ((), "none")])
def test_an_unknown_command_is_one_line(arguments: tuple[str, ...], got: str, tmp_path: Path) -> None:
    """The line has every legal name; the exit code is 2."""
    done = run(*arguments, at=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"cli: expected a command, one of {', '.join(COMMANDS)}; got {got}\n"


def test_a_command_takes_its_own_arguments(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What stands after the name is the command's, `--help` too, and so is the way it ends."""
    monkeypatch.setattr(sys, "argv", ["robust-digits", "report", "--help"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    assert capsys.readouterr().out.startswith("usage: python -m robust_digits.report.report [-h] [--base BASE]")
    monkeypatch.setattr(sys, "argv", ["robust-digits", "history", "--limit", "0"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert capsys.readouterr().err == "trend: --limit: expected 1 commit at least, got 0\n"


def test_a_wheel_has_the_package_and_its_command(tmp_path: Path) -> None:
    """Built from a checkout, it holds every file of the package, data files too, and nothing else of the project."""
    for name in ("pyproject.toml", "README.md", "LICENSE", "params.yaml"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    for name in ("robust_digits", "stages", "metrics"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    build = "from setuptools.build_meta import build_wheel; build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, capture_output=True, check=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (told,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith("entry_points.txt"))
    files = (path for path in (tmp_path / "robust_digits").rglob("*") if path.is_file())
    assert names == {path.relative_to(tmp_path).as_posix() for path in files}
    assert told.split() == ["[console_scripts]", "robust-digits", "=", "robust_digits.cli:main"]
