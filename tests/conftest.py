"""Shared by every test: hypothesis draws the same examples in every run, TensorFlow starts once, faults are counted."""

import pytest
from hypothesis import settings
from support.faults import pytest_itemcollected, pytest_unconfigure

__all__ = ["pytest_itemcollected", "pytest_unconfigure"]  # hooks, which pytest calls by their names

settings.register_profile("reproducible", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("reproducible")


@pytest.fixture(scope="session")
def tensorflow() -> None:
    """Start TensorFlow as a stage does; it can be configured once in a process."""
    from robust_digits import runtime

    runtime.start(seed=0, threads=2)
