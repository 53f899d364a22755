"""A branch of the made-up project: what it changed, and how that compares with its base."""

from collections.abc import Mapping

from robust_digits.history import limits
from robust_digits.history.results import Results
from robust_digits.history.revisions import repository
from robust_digits.report.comparison import Comparison, compare
from support.made_up import Project


class Branch:
    """What a branch changed, written into the same folder and read back."""

    def __init__(self, made: Project, base: Results) -> None:
        self.base = base
        self.project = Project(made.root)

    def compare(self, changes: Mapping[str, float | None] | None = None) -> Comparison:
        """Compare with the base after figures have changed; None takes one away."""
        figures = {**self.project.figures, **(changes or {})}
        self.project.figures = {name: value for name, value in figures.items() if value is not None}
        self.project.write()
        here = repository(self.project.root).here()
        return compare(self.base, Results(here), limits.judging(self.base.revision, here))


def statuses(found: Comparison) -> dict[str, str]:
    """Return the status of every figure that changed."""
    return {change.name: change.status for change in found.figures if change.status != "unchanged"}
