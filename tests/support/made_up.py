"""A small project in git whose results are made up: three models with their checks and plots, and a true dvc.lock."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from robust_digits import tables
from robust_digits.judge import sanity, scoring
from robust_digits.judge.sanity import Check

GATE = {
    "level": 0.05,
    "metrics": {
        "baseline": {"accuracy.clean": {"drop": 0.01, "floor": 0.9}},
        "hardened": {
            "accuracy.clean": {"drop": 0.01, "floor": 0.9},
            "accuracy.worst_case": {"drop": 0.02, "floor": 0.5},
            "certified.accuracy": {"drop": 0.02},
        },
    },
    "accepted": {},
}
PARAMS = {
    "seed": 0,
    "threads": 2,
    "data": {"source": "digits", "sha256": None},
    "train": {"epochs": 20, "learning_rate": 0.001},
    "harden": {"eps": 0.2, "steps": 7},
    "evaluate": {"eps": 0.2, "attacks": {"pgd": {"steps": 40}, "slow": {"samples": 100}}},
}
VIEWS = ("clean", "fgm_transfer", "fgm_white_box", "pgd", "slow", "worst_case")
SHARES = {
    "baseline": (0.98, 0.01, 0.01, 0.0, 0.0, 0.0),
    "robust": (0.99, 0.98, 0.02, 0.0, 0.0, 0.0),
    "hardened": (0.96, 0.9, 0.8, 0.72, 0.72, 0.7),
}
CHECKS = ("logits", "within_eps")
EPS = (0.0, 0.1, 0.2, 0.5)


def figures() -> dict[str, float | None]:
    """Return every figure of the project by its full name."""
    found: dict[str, float | None] = {
        f"{model}.accuracy.{view}": share
        for model, shares in SHARES.items()
        for view, share in zip(VIEWS, shares, strict=True)
    }
    return found | {"baseline.certified.accuracy": 0.0, "hardened.certified.accuracy": 0.55}


@dataclass
class Project:
    """A git repository with made-up results; set a value, `write`, `commit`."""

    root: Path
    images: int = 1000
    figures: dict[str, float | None] = field(default_factory=figures)
    red: set[str] = field(default_factory=set)  # checks by their full name
    params: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(PARAMS)))
    gate: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(GATE)))

    def write(self) -> None:
        """Write every file that the pipeline would, and dvc.lock to match."""
        for folder in ("metrics", "plots"):
            shutil.rmtree(self.root / folder, ignore_errors=True)
        self.text("params.yaml", yaml.safe_dump(self.params, sort_keys=False))
        self.text("gate.yaml", yaml.safe_dump(self.gate, sort_keys=False))
        self.text("requirements.txt", "numpy==2.2.6 \\\n    --hash=sha256:00\n    # via keras\ntensorflow==2.21.0\n")
        self.text("stages/evaluate.py", "judge()\n")
        for model in self.models():
            self._metrics(model)
            self._plots(model)
        grey = [{"eps": eps, "accuracy": 1.0 if eps < 0.5 else 0.1} for eps in EPS]
        tables.write(self.root / "plots/security/grey_bound.csv", grey, columns=("eps", "accuracy"))
        sanity.save(self.root / "metrics/sanity.json", {model: self._checks(model) for model in self.models()})
        self._lock()

    def models(self) -> list[str]:
        """Return the models that have figures."""
        return list(dict.fromkeys(name.partition(".")[0] for name in self.figures))

    def text(self, path: str, content: str) -> None:
        """Write a file of the project."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(content, encoding="utf-8")

    def commit(self, message: str) -> str:
        """Write everything, commit it, and return the commit."""
        self.write()
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        """Run git as somebody, at a fixed time, and return what it says."""
        somebody = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
        command = ["git", "-C", str(self.root), *somebody, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def _metrics(self, model: str) -> None:
        mine = {name.partition(".")[2]: value for name, value in self.figures.items() if name.startswith(f"{model}.")}
        accuracy = {name.removeprefix("accuracy."): value for name, value in mine.items() if name.startswith("acc")}
        margin = {
            view: round(
                float(np.subtract(*scoring.interval(round((value or 0) * self.images), self.images)[::-1])) / 2, 4
            )
            for view, value in accuracy.items()
        }
        content = {"images": self.images, "accuracy": accuracy, "margin": margin}
        if "certified.accuracy" in mine:
            content["certified"] = {"accuracy": mine["certified.accuracy"]}
        self.text(f"metrics/{model}.json", json.dumps(content, indent=2) + "\n")

    def _checks(self, model: str) -> dict[str, Check]:
        return {name: Check(f"says {name}", float(f"{model}.sanity.{name}" in self.red), 0.5) for name in CHECKS}

    def _plots(self, model: str) -> None:
        clean, worst = (self.figures.get(f"{model}.accuracy.{view}") or 0.0 for view in ("clean", "worst_case"))
        line = [{"eps": eps, "accuracy": round(max(0.0, clean - (clean - worst) * eps / 0.2), 4)} for eps in EPS]
        for norm in ("linf", "l2"):
            tables.write(self.root / f"plots/security/{model}_{norm}.csv", line, columns=("eps", "accuracy"))
        history = [
            {"epoch": epoch, "loss": 1 / epoch, "validation_loss": 1.2 / epoch, "accuracy": clean * (1 - 0.5 / epoch)}
            for epoch in range(1, 6)
        ]
        tables.write(self.root / f"plots/training/{model}.csv", history, columns=tuple(history[0]))
        classes = [{"class": each, "clean": clean, "worst_case": worst} for each in range(3)]
        tables.write(self.root / f"plots/per_class/{model}.csv", classes, columns=("class", "clean", "worst_case"))
        right = round(clean * 100)
        pairs = [{"actual": row % 3, "predicted": (row + (row >= right)) % 3} for row in range(100)]
        tables.write(self.root / f"plots/confusion/{model}_clean.csv", pairs, columns=("actual", "predicted"))
        picture = self.root / "plots" / "pictures" / f"attack_{model}.png"
        picture.parent.mkdir(exist_ok=True)
        Image.new("L", (64, 48), round(255 * worst)).save(picture)

    def _lock(self) -> None:
        """Write dvc.yaml and dvc.lock: a stage that trains, one that judges each model, and one that draws."""
        models = self.models()
        stages: dict[str, Any] = {
            "train_hardened": {
                "cmd": "python -m stages.train_hardened",
                "params": {"params.yaml": {"harden": self.params["harden"], "seed": self.params["seed"]}},
                "outs": [{"path": "models/hardened.keras", "md5": fingerprint(str(self.params["harden"]))}],
            }
        }
        for model in models:
            deps = [self.recorded("stages/evaluate.py")]
            deps += map(dict, stages["train_hardened"]["outs"] if model == "hardened" else ())
            stages[f"evaluate@{model}"] = {
                "cmd": f"python -m stages.evaluate {model}",
                "deps": deps,
                "params": {"params.yaml": {name: self.params[name] for name in ("evaluate", "seed", "threads")}},
                "outs": [self.recorded(f"metrics/{model}.json"), self._evidence(model)],
            }
        drawn = [self.recorded("plots"), self.recorded("metrics/sanity.json")]
        seen = [self._evidence(model) for model in models]
        stages["summarize"] = {"cmd": "python -m stages.summarize", "deps": seen, "outs": drawn}
        declared = {"train_hardened": {}, "evaluate": {"matrix": {"model": models}}, "summarize": {}}
        self.text("dvc.yaml", yaml.safe_dump({"stages": declared}, sort_keys=False))
        self.text("dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": stages}, sort_keys=False))

    def _evidence(self, model: str) -> dict[str, str]:
        content = (self.root / f"metrics/{model}.json").read_text(encoding="utf-8")
        return {"path": f"data/evidence/{model}.npz", "md5": fingerprint(content)}

    def recorded(self, path: str) -> dict[str, str]:
        """Return what dvc.lock says of a file or folder."""
        full = self.root / path
        if full.is_file():
            return {"path": path, "md5": hashlib.md5(full.read_bytes(), usedforsecurity=False).hexdigest()}
        below = sorted(file.relative_to(full).as_posix() for file in full.rglob("*") if file.is_file())
        listed = [{"md5": self.recorded(f"{path}/{name}")["md5"], "relpath": name} for name in below]
        return {"path": path, "md5": fingerprint(json.dumps(listed)) + ".dir"}


def fingerprint(text: str) -> str:
    """Return the MD5 of a text."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def project(root: Path, **values: Any) -> Project:  # noqa: ANN401 (the fields of a project)
    """Return a project on the branch main, with one commit."""
    root.mkdir()
    made = Project(root, **values)
    made.git("init", "--quiet", "--initial-branch=main")
    made.commit("Begin")
    return made


def branch(root: Path, changes: Mapping[str, float | None], **params: Mapping[str, Any]) -> Project:
    """Return a project with a branch on which figures have changed; None takes one away."""
    made = project(root)
    made.git("switch", "--quiet", "--create", "idea")
    made.figures |= changes
    made.figures = {name: value for name, value in made.figures.items() if value is not None}
    for section, values in params.items():
        made.params[section] |= values
    made.commit("Try an idea")
    return made
