"""The verdict in words: the first line of the report and of the page, and the code that machines read.

A comparison by itself is never green where the two sides were judged otherwise, or by other limits: then the first line
says what moved.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from robust_digits import markup
from robust_digits.command import REFUSED
from robust_digits.history import protocol
from robust_digits.history.protocol import GONE, NEW
from robust_digits.markup import code
from robust_digits.report.comparison import ACCEPTED, BETTER, LOW, LOWER, NOISE, Change, Comparison, Verdict

GREEN, RED, WHITE = "🟢", "🔴", "⚪"
_NAMED = 2  # of what moved
_TOLERATED = "tolerated"  # a figure that must hold, and fell by no more than it may


@dataclass(frozen=True)
class Headline:
    """What became of robustness: a `code` for machines, a mark, one sentence without a full stop, the exit code.

    Codes: `weaker`, `untrusted` (a check is red), `not_compared` (judged otherwise), `same_models` (judged otherwise,
    but the models are the base's), `gate_moved`, `stronger`, `not_weaker`, `unchanged`, and `refused` where a revision
    cannot be read.
    """

    code: str
    mark: str
    text: str
    exit_code: int

    def __str__(self) -> str:
        """Return the mark and the sentence."""
        return f"{self.mark} {self.text}"


def percent(value: float | None) -> str:
    """Return a share in percent to one decimal, as everywhere in this project."""
    return "-" if value is None else f"{100 * value:.1f}%"


def refused(reason: str) -> Headline:
    """Return the headline where there is nothing to compare."""
    return Headline("refused", WHITE, f"Could not compare: {reason}", REFUSED)


def headline(comparison: Comparison) -> Headline:
    """Return what became of robustness, and whether the evaluation can be trusted."""
    found = _wrong(comparison) or _otherwise(comparison) or _fine(comparison)
    if not comparison.gate:
        return found
    said = f"{found.text}. gate.yaml moved ({_named(comparison.gate, comparison.gate)}): the base's limits judge"
    if found.exit_code:
        return Headline(found.code, found.mark, said, found.exit_code)
    return Headline("gate_moved", WHITE, said, 0)


def _wrong(comparison: Comparison) -> Headline | None:
    """Return what must hold and does not."""
    broken, red = comparison.broken, comparison.red
    said = []
    if broken:
        said.append(f"Weaker: {_regression(broken[0])}{_more(len(broken), 'figure', 'regressed')}")
    if red:
        said.append(f"Not to be trusted: {_untrusted(red[0])}{_more(len(red), 'check', 'failed')}")
    if comparison.protocol and said:
        said.append(_moved(comparison) + (": the base was judged again" if comparison.rejudged else ""))
    return Headline("weaker" if broken else "untrusted", RED, ". ".join(said), 1) if said else None


def _otherwise(comparison: Comparison) -> Headline | None:
    """Return that the two sides were judged otherwise, where they were."""
    if not comparison.protocol:
        return None
    moved, same = _moved(comparison), comparison.same_models
    if set(same) == set(comparison.here.models):
        return Headline("same_models", WHITE, f"The models are the same; {moved[0].lower()}{moved[1:]}", 0)
    if comparison.rejudged:
        found = _fine(comparison)
        rest = f"; {_listed(same)} {'is' if len(same) == 1 else 'are'} the same as at the base" if same else ""
        return Headline(found.code, found.mark, f"{found.text}. {moved}: the base was judged again{rest}", 0)
    advice = "`make report REJUDGE=1` judges the base's models by the same"
    return Headline("not_compared", WHITE, f"Not compared. {moved}: {advice}", REFUSED)


def _fine(comparison: Comparison) -> Headline:
    """Return what became of the figures where all holds that must."""
    became = Counter(map(_became, comparison.figures))
    rest = ", ".join(f"{became[status]} {said}" for status, said in _SAID.items() if became[status])
    risen = [change for change in comparison.figures if change.status == BETTER and change.limit.drop is not None]
    if risen and not became[_TOLERATED]:
        first = risen[0]
        text = f"Stronger: {code(first.name)} rose from {percent(first.base)} to {percent(first.here)} ({rest})"
        return Headline("stronger", GREEN, text, 0)
    if rest:
        return Headline("not_weaker", GREEN, f"Not weaker: {rest}", 0)
    return Headline("unchanged", GREEN, "Unchanged: every figure is that of the base", 0)


def _became(change: Change) -> str:
    """Return the status of a figure, with what fell though it must hold told from what judges nothing."""
    return _TOLERATED if change.status == LOWER and change.held else change.status


def _regression(change: Change) -> str:
    if change.status == GONE:
        return f"{code(change.name)} is {'measured no more' if change.base is not None else 'not measured'}"
    if change.status == LOW:
        return f"{code(change.name)} is {percent(change.here)}, below its floor of {percent(change.limit.floor)}"
    return f"{code(change.name)} fell from {percent(change.base)} to {percent(change.here)}"


def _untrusted(verdict: Verdict) -> str:
    return f"the check {code(verdict.name)} is {'no more' if verdict.status == GONE else 'red'}"


def _more(count: int, what: str, did: str) -> str:
    return f", and {count - 1} more {what}{'s' * (count > 2)} {did}" if count > 1 else ""  # noqa: PLR2004 (plural)


def _moved(comparison: Comparison) -> str:
    """Say what judges otherwise than at the base: `The attack moved (craft.eps 0.2 → 0.1)`."""
    who = _listed(protocol.kinds(comparison.protocol))
    return f"{who[:1].upper()}{who[1:]} moved ({_named(comparison.protocol, comparison.params)})"


def _named(names: Collection[str], values: Mapping[str, tuple[Any, Any]]) -> str:
    """Name a few of what moved, parameters and limits with their values."""
    few = [
        f"{code(name)} {shown(values[name][0])} → {shown(values[name][1])}" if name in values else code(name)
        for name in list(names)[:_NAMED]
    ]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(few) + more


def shown(value: object) -> str:
    """Return a parameter's value as text."""
    return "-" if value is None else markup.value(value)


def _listed(names: Sequence[str]) -> str:
    said = list(map(markup.value, names))
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)


_SAID = {
    ACCEPTED: "accepted",
    BETTER: "better",
    _TOLERATED: "lower within tolerance",
    LOWER: "lower, none that must hold",
    NEW: "new",
    NOISE: "changed within the noise",
}
