"""What must hold, from gate.yaml: by how much a figure may drop, how low it may be, and what may be red or gone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from robust_digits.errors import InputError, listed, named
from robust_digits.history import documents, luck
from robust_digits.history.results import GATE as FILE
from robust_digits.history.results import current
from robust_digits.history.revisions import Revision
from robust_digits.params import Fraction, Section, Share, parse

_SEEDS = "seeds"  # as a drop: what another seed does


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

    level: float  # of the tests that tell change from chance
    figures: Mapping[str, Limit]  # by the full name of the figure, such as robust.accuracy.clean
    accepted: Mapping[str, str]  # check that may be red, by its full name -> reason
    gone: Mapping[str, str]  # figure or check that may be missing, by its full name -> reason


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
        raise InputError(f"{FILE}: {listed(unknown)}: expected {', '.join(_File.model_fields)} only")
    file = parse(_File, values, where=FILE)
    given = {
        current(f"{model}.{name}"): limit for model, table in file.metrics.items() for name, limit in table.items()
    }
    lucks = luck.spread(revision)
    figures = {
        name: parse(Limit, _known(limit, name, lucks), where=f"{FILE}: metrics.{named(name)}")
        for name, limit in given.items()
    }
    accepted = {current(name): reason for name, reason in file.accepted.items()}
    return Limits(file.level, figures, accepted, accepted)


def entries(revision: Revision) -> dict[str, Any]:
    """Return every entry of gate.yaml by its full name, its words turned into numbers; none if there is no such file.

    So a drop of `seeds` is another entry where another seed does otherwise.
    """
    if FILE not in revision.files:
        return {}
    found = load(revision)
    held = {name: limit.model_dump(exclude_none=True) for name, limit in found.figures.items()}
    return {
        "level": found.level,
        **{f"metrics.{name}.{kind}": value for name, limit in held.items() for kind, value in limit.items()},
        **{f"accepted.{name}": reason for name, reason in found.accepted.items()},
    }


def judging(base: Revision, here: Revision) -> Limits:
    """Return what must hold of a branch, by gate.yaml at its base and here; the base may be too old to have one."""
    own = load(here)
    return strictest(load(base), own) if FILE in base.files else own


def strictest(base: Limits, here: Limits) -> Limits:
    """Return what must hold of a branch: the limits of the base, or the branch's own where they are stricter.

    What the branch accepts counts only where the base accepts it too. The exception is a figure or a check that is
    gone, and that no limit of the base names: somebody must be able to take it out.
    """
    return Limits(
        level=max(base.level, here.level),
        figures={
            name: _stricter(base.figures.get(name, Limit()), here.figures.get(name, Limit()))
            for name in {**base.figures, **here.figures}
        },
        accepted={name: reason for name, reason in here.accepted.items() if name in base.accepted},
        gone={name: reason for name, reason in here.accepted.items() if name not in base.figures},
    )


def _stricter(one: Limit, other: Limit) -> Limit:
    drops = [limit.drop for limit in (one, other) if limit.drop is not None]
    floors = [limit.floor for limit in (one, other) if limit.floor is not None]
    return Limit(drop=min(drops, default=None), floor=max(floors, default=None))


def _known(limit: Mapping[str, Any], name: str, lucks: Mapping[str, float]) -> dict[str, Any]:
    """Return a limit with its words turned into numbers: a drop of `seeds` is how far two seeds are apart."""
    unknown = sorted(limit.keys() - Limit.model_fields.keys())
    if unknown:
        raise InputError(f"{FILE}: metrics.{named(name)}.{named(unknown[0])}: expected drop or floor")
    if limit.get("drop") != _SEEDS:
        return dict(limit)
    if name not in lucks:
        raise InputError(
            f"{FILE}: metrics.{named(name)}.drop: {luck.FILE} does not have it; `make study NAME=seeds` does"
        )
    return {**limit, "drop": lucks[name]}
