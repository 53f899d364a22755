"""Compare the results of two revisions: which figures changed, which of the changes are noise, and which must not be.

A change is noise when a test cannot tell it from chance (significance.py). Where the two were judged otherwise, by
another attack, on other data or by other checks, a change says nothing of the model, until the base is judged again
(rejudging.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from robust_digits.history import luck, protocol
from robust_digits.history.limits import Limit, Limits, entries
from robust_digits.history.lineage import differing
from robust_digits.history.protocol import GONE, NEW, Rerun
from robust_digits.history.results import Results, Share
from robust_digits.history.revisions import Revision
from robust_digits.judge.checks import Check
from robust_digits.judge.views import WORST_CASE
from robust_digits.report.significance import Difference, difference

# What can be said of a figure or a check, the worst first.
WEAKER, LOW, RED, OTHERWISE = "weaker", "below its floor", "red", "measured otherwise"
ACCEPTED, LOWER, BETTER, NOISE, SAME = "accepted", "lower", "better", "noise", "unchanged"
BROKEN = (WEAKER, LOW, GONE, RED)
_ROUNDING = 1e-9  # of a difference of two shares
_ORDER = (*BROKEN, OTHERWISE, ACCEPTED, LOWER, BETTER, NEW, NOISE, SAME)


@dataclass(frozen=True)
class Change:
    """One figure at the base and here: None where it is not measured."""

    name: str
    base: float | None
    here: float | None
    status: str
    limit: Limit
    difference: Difference | None = None  # None where one of the two is not measured
    reason: str = ""  # why it is accepted
    luck: float | None = None  # how far two seeds of the same pipeline were apart; None where no study says

    @property
    def lucky(self) -> bool:
        """Whether another seed moves it as much."""
        if self.luck is None or self.base is None or self.here is None:
            return False
        return abs(self.here - self.base) <= self.luck + _ROUNDING

    @property
    def held(self) -> bool:
        """Whether gate.yaml names it."""
        return self.limit != Limit()


@dataclass(frozen=True)
class Verdict:
    """One check of the evaluation at the base and here: None where there is no such check."""

    name: str
    base: Check | None
    here: Check | None
    status: str
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """Everything that two revisions differ in; `rejudged` says that the base was judged again, as this branch is."""

    base: Results
    here: Results
    figures: tuple[Change, ...]  # the worst first
    checks: tuple[Verdict, ...]
    stages: tuple[Rerun, ...]
    params: Mapping[str, tuple[Any, Any]]  # those that differ: base, here
    packages: Mapping[str, tuple[str | None, str | None]]
    gate: Mapping[str, tuple[Any, Any]]  # limits that are others than at the base
    protocol: tuple[str, ...]  # parameters and code, of the data, the evaluation and the checks, that differ
    idle: tuple[str, ...]  # what gate.yaml accepts though nothing is wrong with it
    same_models: tuple[str, ...]  # whose files are those of the base, by the hashes in dvc.lock
    rejudged: bool

    @property
    def broken(self) -> list[Change]:
        """Return the figures that regressed."""
        return [change for change in self.figures if change.status in BROKEN]

    @property
    def red(self) -> list[Verdict]:
        """Return the checks that are red or gone."""
        return [verdict for verdict in self.checks if verdict.status in BROKEN]


def compare(base: Results, here: Results, limits: Limits, *, again: Results | None = None) -> Comparison:
    """Compare two revisions by what must hold; `again` is what the base's models are worth, judged as here."""
    params = _differences(base.params, here.params)
    stages = protocol.reruns(base.stages, here.stages)
    moved = protocol.moved(stages)
    same = dict(base.weights.items() & here.weights.items())
    figures = _figures(again or base, here, limits, known=base.figures, alike=again is not None or not moved)
    checks = _checks(base.checks, here.checks, limits)
    used = {change.name for change in figures if change.status == ACCEPTED}
    used |= {verdict.name for verdict in checks if verdict.status == ACCEPTED}
    return Comparison(
        base=again or base,
        here=here,
        figures=figures,
        checks=checks,
        stages=stages,
        params=params,
        packages=_differences(base.packages, here.packages),
        gate=_gate(base.revision, here.revision),
        protocol=moved,
        idle=tuple(name for name in {**limits.accepted, **limits.gone} if name not in used),
        same_models=tuple(name for name in here.models if name in same),
        rejudged=again is not None,
    )


def _differences(base: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what differs: name -> the values at the base and here, None where there is none."""
    return {name: (base.get(name), here.get(name)) for name in differing(base, here)}


def _gate(base: Revision, here: Revision) -> dict[str, tuple[Any, Any]]:
    """Return which limits differ; none where the base is too old to have any."""
    before = entries(base)
    return _differences(before, entries(here)) if before else {}


def _figures(  # all by keyword, but for what is compared
    base: Results, here: Results, limits: Limits, *, known: Mapping[str, Share], alike: bool
) -> tuple[Change, ...]:
    """Return every figure, and every one that must hold though nobody measured it, the worst first.

    Of equally bad ones the worst case comes first, then what gate.yaml names. `known` are the figures that the base
    had, however it was judged; `alike`: both were measured alike.
    """
    changes, lucks = [], luck.spread(here.revision)
    for name in dict.fromkeys([*here.figures, *known, *limits.figures]):
        was, now, limit = base.figures.get(name), here.figures.get(name), limits.figures.get(name, Limit())
        was = known.get(name) if now is None else was  # what is gone here, the base judged as here lacks too
        found = difference(base, here, name)
        status = _status(was, now, limit, told_apart=found is not None and found.p < limits.level, alike=alike)
        reason = limits.gone.get(name, "") if status == GONE else ""
        values = [None if share is None else share.value for share in (was, now)]
        said = ACCEPTED if reason else status
        changes.append(Change(name, values[0], values[1], said, limit, found, reason, lucks.get(name)))
    return tuple(sorted(changes, key=_rank))


def _rank(change: Change) -> tuple[int, bool, bool]:
    return _ORDER.index(change.status), not change.name.endswith(f".{WORST_CASE}"), not change.held


def _status(base: Share | None, here: Share | None, limit: Limit, *, told_apart: bool, alike: bool) -> str:
    """Say what became of one figure."""
    if here is None:
        return GONE
    fell = base.value - here.value if base else 0.0
    if alike and told_apart and limit.drop is not None and fell > limit.drop + _ROUNDING:
        return WEAKER
    if limit.floor is not None and here.value < limit.floor:
        return LOW
    if base is None or fell == 0:
        return SAME if base else NEW
    if not alike:
        return OTHERWISE
    return (LOWER if fell > 0 else BETTER) if told_apart else NOISE


def _checks(base: Mapping[str, Check], here: Mapping[str, Check], limits: Limits) -> tuple[Verdict, ...]:
    """Return every check, the worst first."""
    verdicts = []
    for name in dict.fromkeys([*here, *base]):
        was, now = base.get(name), here.get(name)
        status = GONE if now is None else RED if not _passed(was, now) else _change_of_green(was)
        reason = (limits.gone if status == GONE else limits.accepted).get(name, "") if status in BROKEN else ""
        verdicts.append(Verdict(name, was, now, ACCEPTED if reason else status, reason))
    return tuple(sorted(verdicts, key=lambda verdict: _ORDER.index(verdict.status)))


def _passed(base: Check | None, here: Check) -> bool:
    """Return whether a check holds, also by the bound that it had at the base."""
    return here.passed and (base is None or replace(here, bound=min(base.bound, here.bound)).passed)


def _change_of_green(base: Check | None) -> str:
    """Say what it means that a check is green now."""
    if base is None:
        return NEW
    return SAME if base.passed else BETTER
