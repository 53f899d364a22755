"""What the commits of a branch recorded: the results of those whose results are those of their own code.

An edit of code alone leaves the results of older code beside it, so the commits that are asked are those that changed
results, parameters or limits.
"""

from dataclasses import dataclass

from robust_digits.errors import InputError
from robust_digits.history import limits, lineage, luck
from robust_digits.history.results import GATE, Results
from robust_digits.history.revisions import Repository, Revision

_PATHS = ("metrics", "params.yaml", GATE, luck.FILE, "dvc.lock")


@dataclass(frozen=True)
class Mainline:
    """What a branch recorded, the oldest first, and how many commits were asked in vain."""

    results: tuple[Results, ...]
    stale: int  # their results are not those of their code
    unreadable: int  # they have no results, or not in a form that is known by now


def read(repository: Repository, tip: str, *, limit: int | None = None) -> Mainline:
    """Return what the commits up to one recorded, along first parents; of the newest `limit` where one is given."""
    found, stale, unreadable = [], 0, 0
    for revision in repository.each(repository.log(tip, *_PATHS, limit=limit)[::-1]):
        try:
            others = bool(lineage.stale(revision))
            results = _read(revision)
        except InputError:
            unreadable += 1
            continue
        stale += others
        if not others:
            found.append(results)
    return Mainline(tuple(found), stale, unreadable)


def _read(revision: Revision) -> Results:
    """Return the results of a revision; an InputError if a part that is compared cannot be read."""
    results = Results(revision)
    _ = results.figures, results.checks, results.verdicts, results.packages
    _ = limits.entries(revision), luck.spread(revision)
    return results
