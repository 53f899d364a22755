"""Count the faults that tests inject, and what became of them: the closing line of `make faults`.

A test that breaks something says by its marker what must come of it: `@pytest.mark.fault("recovered")`, nothing was
lost, or `@pytest.mark.fault("refused")`, one line said why. It stands for one fault, for as many as it records, by
`record_property("faults", 250)`, or for every input that it is tried on (tests/faults/fuzzing.py). What it asserts
decides: where it fails, what was to be recovered is counted as lost, and what was to be refused as silently wrong. Of
the inputs of a fuzzed test some are valid, and taken: they are counted as refused or valid.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest

from robust_digits.errors import InputError

Result = TypeVar("Result")

_FAILED = {"recovered": "lost", "refused": "silently wrong"}
_MOST = 11  # lines of what is wrong with a file
_EITHER = "refused or valid"
_OUTCOMES = (*_FAILED, _EITHER, *_FAILED.values())


def pytest_itemcollected(item: pytest.Item) -> None:
    """Note on a test what must come of its fault, so that its report has it, whichever process ran it."""
    marker = item.get_closest_marker("fault")
    if marker:
        (outcome,) = marker.args
        if outcome not in _FAILED:
            raise pytest.UsageError(f"{item.nodeid}: expected a fault recovered or refused, got {outcome}")
        item.user_properties.append(("fault", outcome))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Print the counts as the last line, where the tests that ran have injected faults."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a process that runs tests for another
        return
    counts = counted(report for kind in ("passed", "failed", "error") for report in reporter.stats.get(kind, ()))
    if counts:
        reporter.write_line(told(counts))


def counted(reports: Iterable[object]) -> "Counter[str]":
    """Return how many faults came to which end, by the reports of the tests that injected them."""
    counts: Counter[str] = Counter()
    for report in reports:
        if not isinstance(report, pytest.TestReport):  # a file that could not be collected
            continue
        noted = dict(report.user_properties)
        if "fault" in noted:
            outcome, fuzzed = str(noted["fault"]), noted.get("fuzzed")
            passed = _EITHER if fuzzed and outcome == "refused" else outcome
            counts[passed if report.passed else _FAILED[outcome]] += int(str(noted.get("faults") or fuzzed or 1))
    return counts


def told(counts: "Counter[str]") -> str:
    """Return the counts as a line."""
    said = ", ".join(f"{counts[outcome]} {outcome}" for outcome in _OUTCOMES)
    return f"faults injected: {counts.total()}: {said}"


def tried(action: Callable[[], Result]) -> tuple[Result | None, str]:
    """Return what an action returns, or what it is refused with; any other error is passed on.

    That is a line, or one for each of a few values that are wrong, of characters that print.
    """
    try:
        return action(), ""
    except InputError as error:
        lines = str(error).split("\n")
    assert len(lines) <= _MOST
    assert all(line and line.isprintable() for line in lines), lines
    return None, "\n".join(lines)
