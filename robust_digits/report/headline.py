"""The verdict in words: the first line of the report and of the page."""

from robust_digits.report.comparison import BETTER, GONE, LOW, LOWER, NEW, NOISE, Change, Comparison, Verdict

MARKS = {0: "🟢", 1: "🔴", 2: "⚪"}  # by exit code


def percent(value: float | None) -> str:
    """Return a share in percent to one decimal, as everywhere in this project."""
    return "-" if value is None else f"{100 * value:.1f}%"


def exit_code(comparison: Comparison) -> int:
    """Return 1 if something that must hold does not, otherwise 0."""
    return int(bool(comparison.broken or comparison.red))


def headline(comparison: Comparison) -> str:
    """Return one sentence without a full stop: what became of robustness, and whether the evaluation can be trusted."""
    broken, red = comparison.broken, comparison.red
    said = []
    if broken:
        said.append(f"Weaker: {_regression(broken[0])}{_more(len(broken), 'figure', 'regressed')}")
    if red:
        said.append(f"Not to be trusted: {_untrusted(red[0])}{_more(len(red), 'check', 'failed')}")
    return ". ".join(said) or _fine(comparison)


def _regression(change: Change) -> str:
    if change.status == GONE:
        return f"`{change.name}` is {'measured no more' if change.base is not None else 'not measured'}"
    if change.status == LOW:
        return f"`{change.name}` is {percent(change.here)}, below its floor of {percent(change.limit.floor)}"
    return f"`{change.name}` fell from {percent(change.base)} to {percent(change.here)}"


def _untrusted(verdict: Verdict) -> str:
    return f"the check `{verdict.name}` is {'no more' if verdict.status == GONE else 'red'}"


def _more(count: int, what: str, did: str) -> str:
    return f", and {count - 1} more {what}{'s' * (count > 2)} {did}" if count > 1 else ""  # noqa: PLR2004 (plural)


def _fine(comparison: Comparison) -> str:
    counts = {status: sum(change.status == status for change in comparison.figures) for status in _SAID}
    rest = ", ".join(f"{count} {_SAID[status]}" for status, count in counts.items() if count)
    risen = [change for change in comparison.figures if change.status == BETTER and change.limit.drop is not None]
    if risen:
        first = risen[0]
        return f"Stronger: `{first.name}` rose from {percent(first.base)} to {percent(first.here)} ({rest})"
    return f"Not weaker: {rest}" if rest else "Unchanged: every figure is that of the base"


_SAID = {BETTER: "better", LOWER: "lower, none that must hold", NEW: "new", NOISE: "changed within the noise"}
