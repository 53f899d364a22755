"""A project whose pipeline takes no time, with a study of it under the real DVC."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo

from robust_digits.study import run, spec, workspace
from robust_digits.study.spec import Params
from robust_digits.study.study import Study

PARAMS: dict[str, Any] = {
    "data": {"source": "digits", "sha256": None},
    "train": {"epochs": 1, "dropout": 0.5},
    "elsewhere": 1,
    "evaluate": {"attacks": {"pgd": {}}},
}
PIPELINE = """
stages:
  fetch:
    cmd: python work.py fetch data.txt
    params: [data.source, data.sha256]
    deps: [work.py]
    outs: [data.txt]
  score:
    matrix: {model: [baseline, robust]}
    cmd: python work.py evaluate metrics/${item.model}.json
    params: [train.epochs]
    deps: [work.py, data.txt]
    metrics:
      - metrics/${item.model}.json: {cache: false}
      - metrics/details/${item.model}.json: {cache: false}
"""
WORK = """
import json, os, pathlib, sys, time, yaml
epochs = yaml.safe_load(open("params.yaml"))["train"]["epochs"]
log = open(os.environ["RAN"], "a")
print(sys.argv[1], epochs, file=log, flush=True)
if epochs == 3 and os.environ.get("SLOW"):
    print("at work on 3", flush=True)
    time.sleep(600)
if epochs == 3 and not os.environ.get("MENDED"):
    sys.exit("evaluate: params.yaml: train.epochs: expected another number, got 3")
path = pathlib.Path(sys.argv[2])
details = path.parent / "details" / path.name
details.parent.mkdir(parents=True, exist_ok=True)
clean = epochs / 10 if path.stem == "baseline" else 1.0
accuracy, images = {"clean": clean, "worst_case": 0.0, "pgd": None}, {"clean": 200, "worst_case": 100, "pgd": 50}
path.write_text(json.dumps({"accuracy": accuracy}))
details.write_text(json.dumps({f"accuracy.{view}": {"images": count} for view, count in images.items()}))
"""
PLAN = {
    "title": "Epochs",
    "base": "none",
    "model": "baseline",
    "parameter": "train.epochs",
    "values": [2, 3, 4],
    "metrics": ["clean", "worst_case"],
    "params": {},
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a committed project with a pipeline and a study of it, in which the test stands."""
    return _begin(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def done_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of such a project whose study has been run."""
    folder = tmp_path_factory.mktemp("done")
    with pytest.MonkeyPatch.context() as patch:
        _begin(folder, patch)
        patch.setenv("MENDED", "1")
        assert studied() == []
    return folder


@pytest.fixture
def done(done_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the project whose study has been run and could be again, in which the test stands."""
    shutil.copytree(done_once, tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.setenv("MENDED", "1")
    return _stand(tmp_path, monkeypatch)


def studied() -> list[str]:
    """Run the study on a copy of the project, and return the values that failed."""
    with workspace.copy() as copied:
        return study({}, copied).run()


def _begin(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    (folder / "project" / spec.FOLDER / "bases").mkdir(parents=True)
    at = _stand(folder, patch)
    files = {"dvc.yaml": PIPELINE, "work.py": WORK, "docs/studies/bases/none.yaml": "{}"}
    files |= {"params.yaml": yaml.safe_dump(PARAMS), "docs/studies/epochs.yaml": yaml.safe_dump(PLAN)}
    for name, text in files.items():
        (at / name).write_text(text, encoding="utf-8")
    git("init", "--quiet", "--initial-branch=main")
    Repo.init(str(at)).close()
    git("add", "--all")
    git("commit", "--quiet", "--message", "Start")
    return at


def _stand(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    at = folder / "project"
    patch.chdir(at)
    patch.setenv("RAN", str(folder / "ran.txt"))
    patch.setenv("PATH", f"{Path(sys.executable).parent}:{Path('/usr/bin')}:{Path('/bin')}")
    for key in ("AUTHOR", "COMMITTER"):
        patch.setenv(f"GIT_{key}_NAME", "t")
        patch.setenv(f"GIT_{key}_EMAIL", "t@example.org")
    return at


def git(*arguments: str) -> str:
    """Run git where the test stands."""
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout


def study(given: Params, project: Path) -> Study:
    """Return the study as its file asks for it, on a copy of the project."""
    plan = spec.load("epochs")
    assert isinstance(plan, spec.Plan)
    return Study("epochs", plan, given, project)


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    """Run the command line and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["study", *arguments])
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the test's own process keeps its handlers
    try:
        run.main()
    except SystemExit as ended:
        return ended.code
    return 0
