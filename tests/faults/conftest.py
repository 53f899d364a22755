"""Say at the end how many inputs were tried: each test reports its own, also where several processes share them."""

from collections.abc import Generator

import pytest
from faults.fuzzing import TRIED
from support.confined import little_memory
from support.sources import cache, raw

__all__ = ["cache", "little_memory", "raw"]

_KEY = "fuzzed"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write the number of inputs of a test into its report."""
    report = yield
    if call.when == "call":
        report.user_properties.append((_KEY, TRIED.pop(getattr(item, "originalname", item.name), 0)))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sum."""
    reports = [report for each in ("passed", "failed") for report in terminalreporter.getreports(each)]
    tried = sum(number for report in reports for key, number in report.user_properties if key == _KEY)
    if tried:
        terminalreporter.write_line(f"{tried:,} fuzzed inputs")
