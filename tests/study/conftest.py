"""Shared by the tests of studies."""

from support.studies import project

__all__ = ["project"]  # a fixture
