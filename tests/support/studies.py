"""A project whose pipeline takes no time, with a study of it under the real DVC."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo

from robust_digits.study import run, spec
from robust_digits.study.spec import Params
from robust_digits.study.study import Study

PARAMS: dict[str, Any] = {
    "data": {"source": "digits", "sha256": None},
    "train": {"epochs": 1, "dropout": 0.5},
    "elsewhere": 1,
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
path.write_text(json.dumps({"accuracy": {"clean": clean, "worst_case": 0.0}}))
details.write_text(json.dumps({"accuracy.clean": {"images": 200}, "accuracy.worst_case": {"images": 100}}))
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
    at = tmp_path / "project"
    (at / spec.FOLDER / "bases").mkdir(parents=True)
    monkeypatch.chdir(at)
    monkeypatch.setenv("RAN", str(tmp_path / "ran.txt"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{Path('/usr/bin')}:{Path('/bin')}")
    for key in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{key}_NAME", "t")
        monkeypatch.setenv(f"GIT_{key}_EMAIL", "t@example.org")
    files = {"dvc.yaml": PIPELINE, "work.py": WORK, "docs/studies/bases/none.yaml": "{}"}
    files |= {"params.yaml": yaml.safe_dump(PARAMS), "docs/studies/epochs.yaml": yaml.safe_dump(PLAN)}
    for name, text in files.items():
        (at / name).write_text(text, encoding="utf-8")
    git("init", "--quiet", "--initial-branch=main")
    Repo.init(str(at)).close()
    git("add", "--all")
    git("commit", "--quiet", "--message", "Start")
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
    with pytest.raises(SystemExit) as caught:
        run.main()
    return caught.value.code
