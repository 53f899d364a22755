"""What must hold, from gate.yaml: by how much a figure may drop, how low it may be, and what may be red or gone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from robust_digits.errors import InputError
from robust_digits.history import documents
from robust_digits.history.results import GATE as FILE
from robust_digits.history.revisions import Revision
from robust_digits.params import Fraction, Section, Share, parse


class Limit(Section):
    """What must hold for one figure, as shares of the test images."""

    drop: Annotated[float, Field(ge=0, lt=1)] | None = None
    floor: Fraction | None = None


class _File(Section):
    level: Share
    metrics: dict[str, dict[str, dict[str, Any]]]
    accepted: dict[str, Annotated[str, Field(min_length=1)]]


@dataclass(frozen=True)
class Limits:
    """The content of gate.yaml."""

    level: float  # of the two-proportion test
    figures: Mapping[str, Limit]  # by the full name of the figure, such as robust.accuracy.clean
    accepted: Mapping[str, str]  # full name of a figure or check -> reason


def load(revision: Revision) -> Limits:
    """Return what a revision wants to be held.

    Raises
    ------
    InputError
        If gate.yaml is missing, or a key or value in it is not legal.
    """
    values = documents.mapping(revision, FILE)
    unknown = sorted(values.keys() - _File.model_fields.keys())
    if unknown:
        raise InputError(f"{FILE}: {', '.join(map(str, unknown))}: expected {', '.join(_File.model_fields)} only")
    file = parse(_File, values, where=FILE)
    named = {f"{model}.{name}": limit for model, table in file.metrics.items() for name, limit in table.items()}
    figures = {
        name: parse(Limit, _known(limit, name), where=f"{FILE}: metrics.{name}") for name, limit in named.items()
    }
    return Limits(file.level, figures, file.accepted)


def _known(limit: Mapping[str, Any], name: str) -> dict[str, Any]:
    unknown = sorted(limit.keys() - Limit.model_fields.keys())
    if unknown:
        raise InputError(f"{FILE}: metrics.{name}.{unknown[0]}: expected drop or floor")
    return dict(limit)
