"""What a revision says of itself: the figures, checks, parameters and stages that are in git, so no cache is needed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from robust_digits.errors import InputError
from robust_digits.history import documents, lineage
from robust_digits.history.lineage import Stage
from robust_digits.history.revisions import Revision
from robust_digits.judge import sanity
from robust_digits.judge.sanity import Check

CHECKS = "metrics/sanity.json"
GATE = "gate.yaml"


@dataclass(frozen=True)
class Share:
    """An accuracy, and the number of test images that it is a share of."""

    value: float
    images: int


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
    def figures(self) -> dict[str, Share]:
        """Every accuracy by its full name, such as robust.accuracy.worst_case; one that is null is not among them."""
        return {f"{model}.{name}": share for model in self.models for name, share in self._judged(model)}

    @cached_property
    def checks(self) -> dict[str, Check]:
        """Every check of the evaluation by its full name, such as robust.sanity.logits."""
        where = f"{CHECKS} in {self.revision.label}"
        if CHECKS not in self.revision.files:
            raise InputError(f"{where}: no such file")
        models = sanity.parse(self.revision.files[CHECKS], where=where)
        return {f"{model}.sanity.{name}": check for model, table in models.items() for name, check in table.items()}

    @cached_property
    def gate(self) -> dict[str, Any]:
        """Every entry of gate.yaml by its full name; none if there is no such file."""
        return dict(documents.flat(documents.mapping(self.revision, GATE))) if GATE in self.revision.files else {}

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

    def _judged(self, model: str) -> Iterator[tuple[str, Share]]:
        path = f"metrics/{model}.json"
        where = f"{path} in {self.revision.label}"
        try:
            content = json.loads(self.revision.files[path])
            images = int(content["images"])
            if images < 1:
                raise InputError(f"{where}: images: expected at least 1, got {images}")
            for name, value in _shares(content):
                if not 0 <= value <= 1:
                    raise InputError(f"{where}: {name}: expected a share between 0 and 1, got {value}")
                yield name, Share(float(value), self._seen(name, images))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{where}: not the metrics of a model: {type(error).__name__}: {error}") from None

    def _seen(self, name: str, images: int) -> int:
        """Return on how many test images a figure was measured: some attacks see the first ones only."""
        samples = self.params.get(f"evaluate.attacks.{name.rpartition('.')[2]}.samples")
        return min(samples, images) if isinstance(samples, int) else images


def _metrics(path: str) -> bool:
    return path.startswith("metrics/") and path.endswith(".json") and path != CHECKS and path.count("/") == 1


def _shares(content: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the figures of metrics/<model>.json that are shares of test images; null means not measured."""
    figures = {f"accuracy.{view}": value for view, value in content["accuracy"].items()}
    figures["certified.accuracy"] = content.get("certified", {}).get("accuracy")
    for name, value in figures.items():
        if value is not None:
            yield name, value
