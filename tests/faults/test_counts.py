"""The closing line of the fault suite counts what the tests that ran have shown, and nothing else."""

import os
from pathlib import Path

import pytest
from support import pipeline

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

@pytest.mark.fault("recovered")
@pytest.mark.parametrize("moment", range(3))
def test_killed(moment): pass

@pytest.mark.fault("refused")
def test_many(record_property): record_property("faults", 250)

@pytest.mark.fault("refused")
def test_fuzzed(record_property): record_property("fuzzed", 90)

@pytest.mark.fault("recovered")
def test_lost(): raise AssertionError

@pytest.mark.fault("refused")
def test_wrong(record_property):
    record_property("faults", 7)
    raise AssertionError

def test_no_fault(): pass
"""
PATHS = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
LINE = "faults injected: 351: 3 recovered, 250 refused, 90 refused or valid, 1 lost, 7 silently wrong"


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--numprocesses", "2")], ids=["one process", "two"])
def test_the_line_is_computed_from_the_tests(tmp_path: Path, options: tuple[str, ...]) -> None:
    """A test that fails has lost what it was to recover, or let pass what it was to refuse; others do not count."""
    (tmp_path / "conftest.py").write_text("from support.faults import *\n", encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = fault(outcome)\n", encoding="utf-8")
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    command = ("python", "-m", "pytest", "-q", *options)
    printed = pipeline.run(*command, at=tmp_path, expect=1, PYTHONPATH=PATHS)
    assert printed.splitlines()[-1] == LINE


def test_an_outcome_that_is_none_is_refused(tmp_path: Path) -> None:
    """A marker with another word would be counted nowhere."""
    (tmp_path / "conftest.py").write_text("from support.faults import *\n", encoding="utf-8")
    test = '@pytest.mark.fault("survived")\ndef test_it(): pass\n'
    (tmp_path / "test_it.py").write_text(f"import pytest\n{test}", encoding="utf-8")
    said = pipeline.run("python", "-m", "pytest", at=tmp_path, expect=4, PYTHONPATH=PATHS)
    assert "expected a fault recovered or refused, got survived" in said
