"""A pipeline of the project's shape whose models are numbers, run by the real DVC in a repository of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

PARAMS: dict[str, Any] = {"seed": 0, "models": ["baseline", "robust"], "train": {"skill": 8}, "evaluate": {"eps": 1}}
# Models are numbers; of a hundred images ten times as many are right as a model is larger than eps.
TRAIN = """
import pathlib, sys, yaml
skill = yaml.safe_load(open("params.yaml"))["train"]["skill"]
pathlib.Path(sys.argv[1]).write_text(str(5 if "baseline" in sys.argv[1] else skill))
"""
EVALUATE = """
import pathlib, sys, yaml
with open("evaluations.log", "a") as log:
    log.write(pathlib.Path(sys.argv[1]).read_text() + "\\n")
eps = yaml.safe_load(open("params.yaml"))["evaluate"]["eps"]
pathlib.Path(sys.argv[3]).write_text(str(int(pathlib.Path(sys.argv[1]).read_text()) - eps))
"""
SCORE = """
import json, pathlib, sys
right = 10 * int(pathlib.Path(sys.argv[1]).read_text())
pathlib.Path(sys.argv[2]).write_text(json.dumps({"accuracy": {"worst_case": right / 100}}))
pathlib.Path(sys.argv[3]).write_text(json.dumps({"accuracy.worst_case": {"images": 100, "eps": 1}}))
rows = ["index,label,worst_case", *(f"{index},0,{int(index < right)}" for index in range(100))]
pathlib.Path(sys.argv[4]).write_text("\\n".join(rows) + "\\n")
"""
TEST = """
import pathlib
pathlib.Path("data/normalized").mkdir(exist_ok=True)
pathlib.Path("data/normalized/test").write_text("")
"""
CHECKS = """
import pathlib
pathlib.Path("metrics/sanity.json").write_text('{"robust": {"logits": {"says": "", "measured": 0, "bound": 1}}}')
"""
SCORED = ("metrics/{0}.json", "metrics/details/{0}.json", "metrics/verdicts/{0}.csv")


def stages() -> dict[str, object]:
    """Return the pipeline: the same stages as the project's, as small as can be."""
    names = ["baseline", "robust"]
    trained = {
        f"train_{name}": {
            "cmd": f"python stages/train.py models/{name}.keras",
            "deps": ["stages/train.py"],
            "params": ["train"],
            "outs": [f"models/{name}.keras"],
        }
        for name in names
    }
    model, evidence = "models/${item.model}.keras", "data/evidence/${item.model}.npz"
    scored = [path.format("${item.model}") for path in SCORED]
    return {
        "normalize": {
            "cmd": "python stages/test.py",
            "deps": ["stages/test.py"],
            "outs": ["data/normalized/test"],
        },
        **trained,
        "evaluate": {
            "matrix": {"model": names},
            "cmd": f"python stages/evaluate.py {model} data/normalized/test {evidence}",
            "deps": ["stages/evaluate.py", "data/normalized/test", model],
            "params": ["evaluate"],
            "outs": [evidence],
        },
        "score": {
            "matrix": {"model": names},
            "cmd": f"python stages/score.py {evidence} {' '.join(scored)}",
            "deps": ["stages/score.py", evidence],
            "outs": [{path: {"cache": False}} for path in scored],
        },
        "summarize": {
            "cmd": "python stages/checks.py",
            "deps": ["stages/checks.py", *(f"data/evidence/{name}.npz" for name in names)],
            "outs": [{"metrics/sanity.json": {"cache": False}}],
        },
    }


class Pipeline:
    """The pipeline in a repository of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *command: str) -> str:
        """Run a command in the repository, with this Python as `python`."""
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        somebody = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return subprocess.run(
            command, cwd=self.root, env=environment | somebody, check=True, capture_output=True, text=True
        ).stdout

    def text(self, path: str, content: str) -> None:
        """Write a file."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(content, encoding="utf-8")

    def commit(self, message: str, **params: int) -> None:
        """Set parameters, run what they change, and commit."""
        values = {**PARAMS, **{name: {**PARAMS[name], key: value} for name, key, value in map(_told, params.items())}}
        self.text("params.yaml", yaml.safe_dump(values))
        self.run("dvc", "repro", "--quiet")
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)


def _told(item: tuple[str, int]) -> tuple[str, str, int]:
    section, _, key = item[0].partition("_")
    return section, key, item[1]


def begin(root: Path) -> Pipeline:
    """Return the pipeline, run once on main, on a branch of it."""
    made = Pipeline(root)
    root.mkdir()
    for command in (("git", "init", "--quiet", "--initial-branch=main"), ("dvc", "init", "--quiet")):
        made.run(*command)
    for name, code in (("train", TRAIN), ("evaluate", EVALUATE), ("score", SCORE), ("test", TEST), ("checks", CHECKS)):
        made.text(f"stages/{name}.py", code)
    made.text("dvc.yaml", yaml.safe_dump({"stages": stages()}, sort_keys=False))
    made.text(
        "gate.yaml",
        yaml.safe_dump({"level": 0.05, "metrics": {"robust": {"accuracy.worst_case": {"drop": 0.05}}}, "accepted": {}}),
    )
    made.text(".gitignore", "/data\n/models\n/evaluations.log\n")
    for folder in ("models", "data/evidence", "metrics/details", "metrics/verdicts"):
        made.text(f"{folder}/.keep", "")
    made.commit("Begin")
    made.run("git", "switch", "--quiet", "--create", "idea")
    return made
