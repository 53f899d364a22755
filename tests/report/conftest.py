"""A made-up project at its base, and a branch of it on which nothing has changed yet."""

import pytest
from support.branching import Branch
from support.made_up import Project, project

from robust_digits.history.results import Results
from robust_digits.history.revisions import repository


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project as it is at the base."""
    return project(tmp_path_factory.mktemp("comparison") / "project")


@pytest.fixture(scope="module")
def base(made: Project) -> Results:
    """Return the results of the base."""
    return Results(repository(made.root).at(made.git("rev-parse", "main")))


@pytest.fixture
def branch(made: Project, base: Results) -> Branch:
    """Return a branch on which nothing has changed yet."""
    return Branch(made, base)
