"""The real pipeline, small, in a project of its own under the real git and DVC."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
SMALL = {
    "data.image_size": 8,
    "train.epochs": 1,
    "train.batch_size": 64,
    "craft.fraction": 0.2,
    "retrain.epochs": 1,
    "retrain.batch_size": 64,
    "harden.method": "pgd",
    "harden.architecture": "strided",
    "harden.width": 16,
    "harden.weight": None,
    "harden.steps": 1,
    "harden.epochs": 1,
    "harden.batch_size": 64,
    "harden.patience": None,
    "harden.allow_collapse": True,  # in one epoch nothing is learnt
    "evaluate.attacks": {"fgm": {}, "pgd": {"steps": 2, "restarts": 1}, "square": {"queries": 10}},
    "evaluate.curve": {"samples": 20, "steps": 2, "linf": [0.0, 0.5], "l2": [0.0, 1.0]},
}


def run(*command: str, at: Path, expect: int = 0, **variables: str) -> str:
    """Run a command in a folder with the project's own environment first on the PATH; return all it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **variables}
    done = subprocess.run(command, cwd=at, env=environment, capture_output=True, text=True, check=False)
    printed = done.stdout + done.stderr
    assert done.returncode == expect, printed
    return printed


def set_params(at: Path, values: dict[str, Any]) -> None:
    """Change parameters in the params.yaml of a project."""
    params = yaml.safe_load((at / "params.yaml").read_text(encoding="utf-8"))
    for name, value in values.items():
        *outer, last = name.split(".")
        section = params
        for key in outer:
            section = section[key]
        section[last] = value
    (at / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def make_project(at: Path) -> Path:
    """Return a copy of this project's files with small parameters, committed, as a fresh clone without a cache."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", at=ROOT)
    for name in listed.splitlines():
        if name not in {"dvc.lock", "params.yaml"} and not name.startswith(
            ("detection/", "docs/", "tests/", "metrics/", "plots/")
        ):
            (at / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, at / name)
    shutil.copyfile(ROOT / "params.yaml", at / "params.yaml")
    set_params(at, SMALL)
    run("git", "init", "--quiet", "--initial-branch=main", at=at)
    commit(at, "Start")
    return at


def commit(at: Path, message: str) -> None:
    """Commit everything that git does not ignore."""
    run("git", "add", "--all", at=at)
    run("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", message, at=at)


def ran(printed: str) -> set[str]:
    """Return the stages that `dvc repro` says it ran."""
    return {line.split("'")[1] for line in printed.splitlines() if line.startswith("Running stage ")}
