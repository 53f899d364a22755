"""Shared by every test: long files first, hypothesis draws the same examples, TensorFlow starts once, faults count."""

import os
from collections import Counter

import pytest
from hypothesis import settings
from support.faults import pytest_itemcollected, pytest_unconfigure

__all__ = ["pytest_itemcollected", "pytest_unconfigure"]  # hooks, which pytest calls by their names

# A repository that a test makes tells DVC's makers nothing, and asks for nothing newer, in one process more each time.
os.environ["DVC_TEST"] = "1"
settings.register_profile("reproducible", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("reproducible")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have most slow tests: a file is one worker's, and the last to begin ends the run."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(scope="session")
def tensorflow() -> None:
    """Start TensorFlow as a stage does; it can be configured once in a process."""
    from robust_digits import runtime

    runtime.start(seed=0, threads=2)
