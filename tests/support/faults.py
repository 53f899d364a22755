"""Count the faults that tests inject, and what became of them: the closing line of `make faults`.

A test that breaks something says by its marker what must come of it: `@pytest.mark.fault("recovered")`, nothing was
lost, or `@pytest.mark.fault("refused")`, one line said why. It stands for one fault, or for as many as it records:
`record_property("faults", 250)`. What it asserts decides: where it fails, what was to be recovered is counted as lost,
and what was to be refused as silently wrong.
"""

from collections import Counter
from collections.abc import Iterable

import pytest

_FAILED = {"recovered": "lost", "refused": "silently wrong"}
_OUTCOMES = (*_FAILED, *_FAILED.values())


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


def counted(reports: Iterable[pytest.TestReport]) -> "Counter[str]":
    """Return how many faults came to which end, by the reports of the tests that injected them."""
    counts: Counter[str] = Counter()
    for report in reports:
        noted = dict(report.user_properties)
        if "fault" in noted:
            outcome = str(noted["fault"])
            counts[outcome if report.passed else _FAILED[outcome]] += int(str(noted.get("faults", 1)))
    return counts


def told(counts: "Counter[str]") -> str:
    """Return the counts as a line."""
    said = ", ".join(f"{counts[outcome]} {outcome}" for outcome in _OUTCOMES)
    return f"faults injected: {counts.total()}: {said}"
