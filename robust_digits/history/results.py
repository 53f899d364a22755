"""What a revision says of itself: figures, checks, parameters and stages, out of git alone; DVC has the evidence."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from robust_digits.errors import InputError
from robust_digits.history import artifacts, documents, lineage, verdicts
from robust_digits.history.lineage import Stage
from robust_digits.history.revisions import Revision
from robust_digits.history.verdicts import Verdicts
from robust_digits.judge import checks, evidence, views
from robust_digits.judge.checks import Check
from robust_digits.judge.evidence import Evidence

CHECKS = "metrics/sanity.json"
GATE = "gate.yaml"
_ROUNDED = 0.51e-4  # figures have four decimals


# What earlier revisions called by another name; they count their images in the metrics themselves.
_RENAMED = {"fgm_fresh": views.FGM_WHITE_BOX, "old_set_within_eps": "transfer_within_eps"}


@dataclass(frozen=True)
class Share:
    """An accuracy, the number of test images that it is a share of, and the size of the attack it was measured under.

    `eps` is 0 without an attack, and None where the revision does not say.
    """

    value: float
    images: int
    eps: float | None = None


@dataclass(frozen=True)
class Results:
    """The results in a revision, parsed when asked for; what cannot be read is an InputError that names the file."""

    revision: Revision

    @cached_property
    def params(self) -> dict[str, Any]:
        """Every parameter by its full name, such as craft.eps."""
        return dict(documents.flat(documents.mapping(self.revision, "params.yaml")))

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """What dvc.lock says of every stage."""
        return lineage.read(self.revision)

    @cached_property
    def models(self) -> list[str]:
        """The models that were judged, in the order of params.yaml."""
        names = {path.removeprefix("metrics/").removesuffix(".json") for path in self.revision.files if _metrics(path)}
        if not names:
            raise InputError(f"metrics: no metrics of any model in {self.revision.label}")
        order = [name for name in self.params.get("models") or [] if name in names]
        return [*order, *sorted(names - set(order))]

    @cached_property
    def weights(self) -> dict[str, str]:
        """The MD5 of the file of each model that dvc.lock knows."""
        read = {
            path: md5 for stage in self.stages.values() for path, md5 in stage.deps.items()
        }  # brought from elsewhere
        made = read | {path: md5 for stage in self.stages.values() for path, md5 in stage.outs.items()}
        files = {model: f"models/{model}.keras" for model in self.models}
        return {model: made[path] for model, path in files.items() if path in made}

    @cached_property
    def figures(self) -> dict[str, Share]:
        """Every accuracy by its full name, such as robust.accuracy.worst_case; one that is null is not among them."""
        return {f"{model}.{name}": share for model in self.models for name, share in self._judged(model)}

    @cached_property
    def checks(self) -> dict[str, Check]:
        """Every check of the evaluation by its full name, such as robust.sanity.logits."""
        where = f"{CHECKS} in {self.revision.label}"
        if CHECKS not in self.revision.files:
            raise InputError(f"{where}: no such file")
        models = checks.parse(self.revision.files[CHECKS], where=where)
        return {
            current(f"{model}.sanity.{name}"): check for model, table in models.items() for name, check in table.items()
        }

    def evidence(self, model: str, root: Path) -> Evidence:
        """Return what every attack left of each test image, which DVC has of the repository at `root`, not git.

        Raises
        ------
        InputError
            If it is neither in the cache nor in the remote, or cannot be read.
        """
        path = evidence_of(model)
        md5 = self.stages[f"evaluate@{model}"].outs[path]
        with TemporaryDirectory() as folder:
            target = Path(folder, f"{model}.npz")
            artifacts.fetch(self.revision, path, target, md5=md5, root=root)
            return evidence.load(target)

    @cached_property
    def packages(self) -> dict[str, str]:
        """The version of every package that requirements.txt locks; several where Pythons differ."""
        if "requirements.txt" not in self.revision.files:
            return {}
        found: dict[str, list[str]] = {}
        for line in self.revision.text("requirements.txt").splitlines():
            name, equals, rest = line.partition("==")
            if equals and not line.startswith((" ", "#")):
                found.setdefault(name, []).append(rest.split()[0])
        return {name: ", ".join(versions) for name, versions in found.items()}

    @cached_property
    def verdicts(self) -> dict[str, Verdicts]:
        """The verdicts on every test image by model, where the revision keeps them; they agree with the figures."""
        found = {model: verdicts.read(self.revision, model) for model in self.models}
        kept = {model: each for model, each in found.items() if each is not None}
        for model, each in kept.items():
            self._agree(model, each)
        return kept

    def _agree(self, model: str, found: Verdicts) -> None:
        """Refuse verdicts that are not those of the figures beside them."""
        for name, share in self.figures.items():
            column = found.views.get(view_of(name)) if name.startswith(f"{model}.") else None
            if column is None:
                continue
            seen = column[column != verdicts.UNSEEN]
            if len(seen) != share.images or abs(float((seen == 1).mean()) - share.value) > _ROUNDED:
                where = f"{verdicts.path(model)} in {self.revision.label}"
                raise InputError(
                    f"{where}: expected the verdicts behind {name}, {share.value} of {share.images} images"
                )

    def _judged(self, model: str) -> Iterator[tuple[str, Share]]:
        path = f"metrics/{model}.json"
        where = f"{path} in {self.revision.label}"
        try:
            content = json.loads(self.revision.files[path])
            details = self._details(model, content)
            for name, value in _shares(content):
                share = Share(float(value), int(details[name]["images"]), details[name].get("eps"))
                if not 0 <= share.value <= 1:
                    raise InputError(f"{where}: {name}: expected a share between 0 and 1, got {value}")
                if share.images < 1:
                    raise InputError(f"{where}: {name}: expected 1 image at least, got {share.images}")
                yield name, share
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{where}: not the metrics of a model: {type(error).__name__}: {error}") from None

    def _details(self, model: str, content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return how each figure was made."""
        path = f"metrics/details/{model}.json"
        if path in self.revision.files:
            found: dict[str, dict[str, Any]] = json.loads(self.revision.files[path])
            return found
        if "images" not in content:
            raise InputError(f"{path}: not in {self.revision.label}; `dvc repro` makes it")
        return {name: {"images": content["images"]} for name, _ in _shares(content)}


def current(figure: str) -> str:
    """Return the full name that a figure or check, such as robust.accuracy.fgm_fresh, has by now."""
    *path, name = figure.split(".")
    return ".".join([*path, _RENAMED.get(name, name)])


def evidence_of(model: str) -> str:
    """Return where the pipeline writes what it found of a model."""
    return f"data/evidence/{model}.npz"


def view_of(figure: str) -> str:
    """Return the view behind a figure: `pgd` of `robust.accuracy.pgd`, `certified` of `robust.certified.accuracy`."""
    *_, group, name = figure.split(".")
    return group if group == views.CERTIFIED else name


def _metrics(path: str) -> bool:
    return path.startswith("metrics/") and path.endswith(".json") and path != CHECKS and path.count("/") == 1


def _shares(content: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the figures of metrics/<model>.json that are shares of test images; null means not measured."""
    figures = {current(f"accuracy.{view}"): value for view, value in content["accuracy"].items()}
    figures["certified.accuracy"] = content.get("certified", {}).get("accuracy")
    for name, value in figures.items():
        if value is not None:
            yield name, value
