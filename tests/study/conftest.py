"""Shared by the tests of studies."""

from support.studies import done, done_once, project

__all__ = ["done", "done_once", "project"]  # fixtures
