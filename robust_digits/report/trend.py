"""Say what became of every figure that must hold, commit by commit of a branch: what moved, and what changed with it.

Reads git alone: no DVC cache is needed, and nothing is run. The figures are those in gate.yaml of the newest commit.
Each commit is compared with the one before it; those whose results are not those of their code are left out.
"""

import argparse
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robust_digits.command import guarded
from robust_digits.draw import trend
from robust_digits.draw.trend import Moment
from robust_digits.errors import InputError
from robust_digits.history import limits, mainline, revisions
from robust_digits.history.limits import Limits
from robust_digits.history.mainline import Mainline
from robust_digits.history.results import GATE, Results
from robust_digits.markup import code
from robust_digits.report import comparison
from robust_digits.report.comparison import Change, Comparison
from robust_digits.report.headline import percent
from robust_digits.report.overview import Table, counted

_TRAINING = ("craft", "augment", "train_")  # the stages that make the models
_SHORT = 7  # letters of a commit, as git shortens it
_EVALUATED, _JUDGED = "evaluation parameters", "evaluation code"


@dataclass(frozen=True)
class Step:
    """What a commit recorded, and how that differs from what the commit before it had; None for the first."""

    results: Results
    since: Comparison | None

    def moved(self, held: Limits) -> list[Change]:
        """Return the figures that must hold and have another value than before."""
        found = self.since.figures if self.since else ()
        return [each for each in found if each.name in held.figures and each.base != each.here]

    def changed(self) -> dict[str, list[str]]:
        """Return what changed, by its kind: names of parameters, modules, packages and limits."""
        if self.since is None:
            return {}
        read = (name for stage in self.since.stages if stage.name.startswith(_TRAINING) for name in stage.because)
        kinds = {
            "parameters": [name for name in self.since.params if name not in self.since.protocol],
            "training code": sorted({name for name in read if name.endswith(".py")}),
            _EVALUATED: [name for name in self.since.protocol if name in self.since.params],
            _JUDGED: [name for name in self.since.protocol if name not in self.since.params],
            "packages": list(self.since.packages),
            "gate": list(self.since.gate),
        }
        return {kind: names for kind, names in kinds.items() if names}


@dataclass(frozen=True)
class Trend:
    """Every figure that must hold, over the commits at which one moved, or what it is measured or held by."""

    held: Limits
    line: Mainline
    steps: tuple[Step, ...]  # the oldest first

    def __str__(self) -> str:
        """Return a table in Markdown, the newest commit first, and a line that counts what is not in it."""
        header = ("commit", "date", "subject", "moved", "changed with it")
        return f"{Table(header, tuple(map(self._row, reversed(self.steps))))}\n{self._left_out()}"

    def document(self) -> dict[str, Any]:
        """Return the same as plain values, for JSON."""
        return {
            "figures": list(self.held.figures),
            "commits": [self._entry(step) for step in reversed(self.steps)],
            "left_out": {"stale": self.line.stale, "unreadable": self.line.unreadable, "unmoved": self._unmoved},
        }

    def draw(self, path: Path) -> None:
        """Draw a panel for each figure, as a PNG."""
        floors = {name: limit.floor for name, limit in self.held.figures.items()}
        trend.trend(path, [_moment(step) for step in self.steps], floors)

    @property
    def _unmoved(self) -> int:
        return len(self.line.results) - len(self.steps)

    def _row(self, step: Step) -> tuple[str, ...]:
        revision = step.results.revision
        subject = code(revision.subject)  # so that it is neither markup nor calls anybody
        return code(revision.commit[:_SHORT]), revision.date, subject, self._moves(step), _kinds(step)

    def _moves(self, step: Step) -> str:
        moves = [
            f"{code(each.name)} {percent(each.base)} → {percent(each.here)} ({each.status})"
            for each in step.moved(self.held)
        ]
        found = step.results.figures
        first = [f"{code(name)} {percent(found[name].value)}" for name in self.held.figures if name in found]
        return ", ".join(moves if step.since else first)

    def _entry(self, step: Step) -> dict[str, Any]:
        revision, found = step.results.revision, step.results.figures
        return {
            "commit": revision.commit,
            "date": revision.date,
            "subject": revision.subject,
            "figures": {name: found[name].value if name in found else None for name in self.held.figures},
            "moved": [
                {"name": each.name, "base": each.base, "here": each.here, "status": each.status}
                for each in step.moved(self.held)
            ],
            "changed": step.changed(),
        }

    def _left_out(self) -> str:
        stale, unreadable = self.line.stale, self.line.unreadable
        asked = counted(len(self.line.results) + stale + unreadable, "commit")
        return (
            f"Of {asked} that changed results, parameters or limits {len(self.steps)} stand here. Left out: "
            f"{stale} whose results are not those of their code, {unreadable} whose results cannot be read, "
            f"{self._unmoved} at which nothing moved."
        )


def read(base: str, *, limit: int | None = None) -> Trend:
    """Return the trend of a branch, along first parents; of the newest `limit` commits where one is given.

    Raises
    ------
    InputError
        If there is no such branch, its gate.yaml names no figure, or no commit has results of its own.
    """
    repository = revisions.repository()
    tip = repository.commit(base)
    held = limits.load(repository.at(tip))
    if not held.figures:
        raise InputError(f"{GATE} in {tip[:12]}: expected a figure under metrics, got none")
    line = mainline.read(repository, tip, limit=limit)
    if not line.results:
        raise InputError(f"{base}: no commit has results that are those of its code; `dvc repro`, then commit")
    steps = [Step(line.results[0], None)]
    for before, results in itertools.pairwise(line.results):
        steps.append(Step(results, comparison.compare(before, results, held)))
    return Trend(held, line, tuple(step for step in steps if _tells(step, held)))


def _tells(step: Step, held: Limits) -> bool:
    """Return whether a figure moved, or what it is measured or held by; the first commit is where all begins."""
    return step.since is None or bool(step.moved(held) or step.since.protocol or step.since.gate)


def _kinds(step: Step) -> str:
    return ", ".join(step.changed()) if step.since else "where the trend begins"


def _moment(step: Step) -> Moment:
    """Return what the picture shows of a step."""
    revision, changed = step.results.revision, step.changed()
    return Moment(
        label=f"{revision.date} {revision.commit[:_SHORT]}",
        figures={name: (share.value, share.images) for name, share in step.results.figures.items()},
        code=_JUDGED in changed,
        params=_EVALUATED in changed,
    )


@guarded
def main() -> None:
    """Print the trend, and draw it where a file is named."""
    parser = argparse.ArgumentParser(
        prog="python -m robust_digits.report.trend",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--base", default="main", help="the branch whose commits are asked (default: main)")
    parser.add_argument("--limit", type=int, metavar="N", help="ask the newest N commits that changed results only")
    parser.add_argument("--json", action="store_true", help="for machines, instead of Markdown")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the picture to draw, a PNG")
    arguments = parser.parse_args()
    if arguments.limit is not None and arguments.limit < 1:
        raise InputError(f"--limit: expected 1 commit at least, got {arguments.limit}")
    found = read(arguments.base, limit=arguments.limit)
    if arguments.output:
        found.draw(arguments.output)
    print(json.dumps(found.document(), indent=2) if arguments.json else found)


if __name__ == "__main__":
    main()
