"""The stages run as commands, in a folder of a test."""

import inspect
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
STAGES = sorted(script.stem for script in (ROOT / "stages").glob("*.py"))

# Runs a stage as `python -m` does, and prints which of the slow libraries it has loaded, however it ends.
LOADED = """
import atexit, runpy, sys
slow = ("tensorflow", "keras", "art", "matplotlib", "sklearn")
atexit.register(lambda: print("loaded:", *(name for name in slow if name in sys.modules)))
sys.argv.pop(0)
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def run_stage(stage: str, *arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a stage in a folder; the last line that it prints says which slow libraries it has loaded."""
    return subprocess.run(
        [sys.executable, "-c", LOADED, f"stages.{stage}", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def copy_stages(folder: Path) -> None:
    """Make a folder the project's own, which holds the stages; otherwise a test's folder holds params.yaml alone."""
    shutil.copytree(ROOT / "stages", folder / "stages", ignore=shutil.ignore_patterns("__pycache__"))


def put_params(folder: Path, **changed: object) -> None:
    """Write params.yaml as in this repository, but for some values; `...` leaves a key out, `__` stands for a point."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for key, value in changed.items():
        *section, name = key.split("__")
        mapping = params[section[0]] if section else params
        mapping[name] = value
        if value is ...:
            del mapping[name]
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def arguments_of(stage: str) -> list[str]:
    """Return the names of a stage's arguments."""
    return list(inspect.signature(import_module(f"stages.{stage}").main).parameters)[1:]


def refusal(stage: str, folder: Path) -> list[str]:
    """Run a stage that must end before TensorFlow is loaded or anything is written; return what it says, in lines."""
    before = sorted(folder.iterdir())
    ended = run_stage(stage, *arguments_of(stage), folder=folder)
    assert ended.returncode == 2
    assert ended.stdout.startswith("loaded:")
    assert "tensorflow" not in ended.stdout.split()
    assert sorted(folder.iterdir()) == before
    assert ended.stderr.startswith(f"{stage}: ")
    return ended.stderr.removeprefix(f"{stage}: ").splitlines()
