"""A small project in git whose results are made up: three models with their checks and plots, and a true dvc.lock."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from robust_digits import tables
from robust_digits.history.results import view_of
from robust_digits.judge import checks, scoring
from robust_digits.judge.checks import Check

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
    "models": ["baseline", "robust", "hardened"],
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
TRAINED_BY = {"baseline": "train", "robust": "train", "hardened": "harden"}  # model -> section of its parameters
CHECKS = ("logits", "within_eps")
EPS = (0.0, 0.1, 0.2, 0.5)
EPS_OF = {"accuracy.fgm_transfer": 0.5, "accuracy.fgm_white_box": 0.5}
SEEN = {"accuracy.slow": 100}  # images, where an attack saw the first ones only
SUMMARIZES = (
    "robust_digits/judge/sanity.py",
    "robust_digits/draw/charts.py",
)  # of the stage that checks and draws


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
    bound: float = 0.5  # of every check
    flipped: dict[str, tuple[int, ...]] = field(default_factory=dict)  # images with the other verdict, by figure
    test_images: str = "the test images"
    params: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(PARAMS)))
    code: dict[str, str] = field(default_factory=dict)  # content of a module, by its path
    gate: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(GATE)))

    def write(self) -> None:
        """Write every file that the pipeline would, and dvc.lock to match."""
        for folder in ("metrics", "plots"):
            shutil.rmtree(self.root / folder, ignore_errors=True)
        self.text("params.yaml", yaml.safe_dump(self.params, sort_keys=False))
        self.text("gate.yaml", yaml.safe_dump(self.gate, sort_keys=False))
        self.text("requirements.txt", "numpy==2.2.6 \\\n    --hash=sha256:00\n    # via keras\ntensorflow==2.21.0\n")
        for path in ("stages/evaluate.py", "stages/score.py", *SUMMARIZES):
            self.text(path, self.code.get(path, "judge()\n"))
        for model in self.models():
            self._metrics(model)
            self._plots(model)
        self._tables()
        grey = [{"eps": eps, "accuracy": 1.0 if eps < 0.5 else 0.1} for eps in EPS]
        tables.write(self.root / "plots/security/grey_bound.csv", grey, columns=("eps", "accuracy"))
        checks.save(self.root / "metrics/sanity.json", {model: self._checks(model) for model in self.models()})
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
        """Write the metrics of a model, how they were made, and verdicts: right are the first images."""
        mine = {name.partition(".")[2]: value for name, value in self.figures.items() if name.startswith(f"{model}.")}
        known = {name: value for name, value in mine.items() if value is not None}
        cells = {name: self.verdicts(model, name, value) for name, value in known.items()}
        right = {name: sum(cell == 1 for cell in each) for name, each in cells.items()}
        content: dict[str, dict[str, float | None]] = {"accuracy": {}}
        details: dict[str, Any] = {}
        for name in mine:
            group, _, figure = name.partition(".")
            seen = self.seen(name)
            content.setdefault(group, {})[figure] = round(right[name] / seen, 4) if name in known else None
            details[name] = {
                "images": seen,
                "norm": None if name == "accuracy.clean" else "inf",
                "eps": 0.0 if name == "accuracy.clean" else EPS_OF.get(name, self.params["evaluate"]["eps"]),
                "settings": {},
                "interval": list(scoring.interval(right[name], seen)) if name in known else None,
            }
        self.text(f"metrics/{model}.json", json.dumps(content, indent=2) + "\n")
        self.text(f"metrics/details/{model}.json", json.dumps(details) + "\n")
        columns = {view_of(f"{model}.{name}"): each for name, each in cells.items()}
        rows = (
            {"index": index, "label": index % 3, **{view: each[index] for view, each in columns.items()}}
            for index in range(self.images)
        )
        tables.write(self.root / f"metrics/verdicts/{model}.csv", rows, columns=("index", "label", *columns))

    def seen(self, figure: str) -> int:
        """Return on how many images a figure was measured."""
        return min(SEEN.get(figure, self.images), self.images)

    def verdicts(self, model: str, figure: str, value: float) -> list[int | str]:
        """Return a cell for each image: 1 for the first ones, as many as are right, but for the flipped ones."""
        seen = self.seen(figure)
        right = [int(index < round(value * seen)) for index in range(seen)]
        for index in self.flipped.get(f"{model}.{figure}", ()):
            right[index] = 1 - right[index]
        return [*right, *[""] * (self.images - seen)]

    def _checks(self, model: str) -> dict[str, Check]:
        return {name: Check(f"says {name}", float(f"{model}.sanity.{name}" in self.red), self.bound) for name in CHECKS}

    def _tables(self) -> None:
        """Write the plots that show all models: a column each."""
        models = self.models()
        share = {
            model: [self.figures.get(f"{model}.accuracy.{view}") or 0.0 for view in ("clean", "worst_case")]
            for model in models
        }
        lines = {
            model: [round(max(0.0, clean - (clean - worst) * eps / 0.2), 4) for eps in EPS]
            for model, (clean, worst) in share.items()
        }
        for norm in ("linf", "l2"):
            rows = [{"eps": eps, **{model: lines[model][row] for model in models}} for row, eps in enumerate(EPS)]
            tables.write(self.root / f"plots/security/{norm}.csv", rows, columns=("eps", *models))
        proven = [{"eps": eps, **{model: (0.5 if model == "hardened" else "") for model in models}} for eps in EPS]
        tables.write(self.root / "plots/security/certified.csv", proven, columns=("eps", *models))
        for place, view in enumerate(("clean", "worst_case")):
            classes = [{"class": each, **{model: share[model][place] for model in models}} for each in range(3)]
            tables.write(self.root / f"plots/per_class/{view}.csv", classes, columns=("class", *models))
        right = {model: round(clean * 100) for model, (clean, _) in share.items()}
        pairs = [
            {"actual": row % 3, **{model: (row + (row >= right[model])) % 3 for model in models}} for row in range(100)
        ]
        tables.write(self.root / "plots/confusion/clean.csv", pairs, columns=("actual", *models))

    def _plots(self, model: str) -> None:
        clean, worst = (self.figures.get(f"{model}.accuracy.{view}") or 0.0 for view in ("clean", "worst_case"))
        history = [
            {"epoch": epoch, "loss": 1 / epoch, "validation_loss": 1.2 / epoch, "accuracy": clean * (1 - 0.5 / epoch)}
            for epoch in range(1, 6)
        ]
        tables.write(self.root / f"plots/training/{model}.csv", history, columns=tuple(history[0]))
        picture = self.root / "plots" / "pictures" / f"attack_{model}.png"
        picture.parent.mkdir(exist_ok=True)
        Image.new("L", (64, 48), round(255 * worst)).save(picture)

    def _lock(self) -> None:
        """Write dvc.yaml and dvc.lock: a stage that trains and one that judges each model, and one that draws."""
        models = self.models()
        stages: dict[str, Any] = {
            f"train_{model}": {
                "cmd": f"python -m stages.train_{model}",
                "params": {"params.yaml": {section: self.params[section], "seed": self.params["seed"]}},
                "outs": [{"path": f"models/{model}.keras", "md5": fingerprint(f"{model} {self.params[section]}")}],
            }
            for model, section in TRAINED_BY.items()
        }
        for model in models:
            deps = [self.recorded("stages/evaluate.py")]
            deps += [{"path": "data/normalized/test", "md5": fingerprint(self.test_images) + ".dir"}]
            deps += map(dict, stages[f"train_{model}"]["outs"] if model in TRAINED_BY else ())
            stages[f"evaluate@{model}"] = {
                "cmd": f"python -m stages.evaluate {model}",
                "deps": deps,
                "params": {"params.yaml": {name: self.params[name] for name in ("evaluate", "seed", "threads")}},
                "outs": [self._evidence(model)],
            }
            scored = (f"metrics/{model}.json", f"metrics/details/{model}.json", f"metrics/verdicts/{model}.csv")
            stages[f"score@{model}"] = {
                "cmd": f"python -m stages.score {model}",
                "deps": [self._evidence(model), self.recorded("stages/score.py")],
                "outs": [self.recorded(path) for path in scored],
            }
        drawn = [self.recorded("plots"), self.recorded("metrics/sanity.json")]
        seen = [*(self._evidence(model) for model in models), *map(self.recorded, SUMMARIZES)]
        stages["summarize"] = {
            "cmd": "python -m stages.summarize",
            "deps": seen,
            "params": {"params.yaml": {"models": self.params["models"]}},
            "outs": drawn,
        }
        declared = {name: self._declared(stage) for name, stage in stages.items() if "@" not in name}
        for name in ("evaluate", "score"):
            template = json.dumps(self._declared(stages[f"{name}@{models[0]}"])).replace(models[0], "${item.model}")
            declared[name] = {"matrix": {"model": models}, **json.loads(template)}
        declared["summarize"] = declared.pop("summarize")
        self.text("dvc.yaml", yaml.safe_dump({"stages": declared}, sort_keys=False))
        self.text("dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": stages}, sort_keys=False))

    @staticmethod
    def _declared(stage: Mapping[str, Any]) -> dict[str, Any]:
        """Return what dvc.yaml says of a stage that dvc.lock knows."""
        paths = {kind: [each["path"] for each in stage.get(kind, ())] for kind in ("deps", "outs")}
        return {"cmd": stage["cmd"], "params": list(stage.get("params", {}).get("params.yaml", ())), **paths}

    def _evidence(self, model: str) -> dict[str, str]:
        content = (self.root / f"metrics/verdicts/{model}.csv").read_text(encoding="utf-8")
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
