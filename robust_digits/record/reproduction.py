"""Say whether `dvc repro` gave what was committed: the same bytes, or on another kind of machine the same figures.

Two figures are the same when they differ by no more than the half widths of both their 95% intervals, added. The
machine that made the committed results is the one in the README.md of their record (`make record`).
"""

import argparse
import re
from collections.abc import Mapping

from robust_digits.command import guarded
from robust_digits.history import revisions
from robust_digits.history.results import Results, Share
from robust_digits.history.revisions import Repository, Revision
from robust_digits.judge import scoring
from robust_digits.record import machine

_MADE = ("dvc.lock", "metrics", "plots")
_CODES = """exit code:
  0  the same bytes; or another kind of machine, and the same figures within their intervals
  1  other bytes on the same kind of machine, other figures, or no record of the machine
  2  could not compare: a file that cannot be read
"""


def judge(repository: Repository, record: str) -> tuple[int, str]:
    """Compare the working tree with HEAD and return the exit code and a few lines of Markdown.

    `record` is the folder of the committed results' record.
    """
    changed = repository.changes(*_MADE)
    if not changed:
        return 0, "Reproduced to the byte: dvc.lock, metrics and plots are what was committed."
    files = "\n".join(f"- {path}" for path in changed)
    committed, here = repository.at(repository.commit("HEAD")), machine.name()
    made = _machine(committed, record)
    if made is None:
        return 1, f"Not reproduced, and {record} is no record of these results: `make record` says on what.\n\n{files}"
    if machine.kind(made) == machine.kind(here):
        return 1, f"Not reproduced, on the same kind of machine, {machine.kind(here)}. These files differ:\n\n{files}"
    other = _different(Results(committed), Results(repository.here()))
    machines = f"The machine differs: the results were made on {made}, and this is {here}."
    if other:
        listed = "\n".join(f"- {line}" for line in other)
        return 1, f"Not reproduced. {machines} These differ by more than both half widths:\n\n{listed}"
    return 0, f"Reproduced within the intervals. {machines} {len(changed)} files differ, every figure agrees."


def _machine(committed: Revision, record: str) -> str | None:
    """Return the machine that made the committed results; None if no record of these results says."""
    mine = {path: content for path, content in committed.files.items() if path.startswith("metrics/")}
    recorded = {
        path.removeprefix(f"{record}/"): content
        for path, content in committed.files.items()
        if path.startswith(f"{record}/metrics/")
    }
    page = f"{record}/README.md"
    if mine != recorded or page not in committed.files:
        return None
    found = re.search(r"^- machine: (.+)$", committed.text(page), re.MULTILINE)
    return found[1] if found and found[1] != machine.UNKNOWN else None


def _different(committed: Results, here: Results) -> list[str]:
    """Return in what two runs differ though only their machines should: inputs, figures too far apart, checks."""
    inputs = [
        f"{name}: {what}"
        for name, stage in here.stages.items()
        for what in (stage.differences(committed.stages[name]) if name in committed.stages else ["new"])
        if not what.startswith(("data/", "models/"))
    ]
    passed = [{name: check.passed for name, check in results.checks.items()} for results in (committed, here)]
    checks = [f"{name}: red in one run" for name in passed[0] if passed[1].get(name) != passed[0][name]]
    return inputs + _apart(committed.figures, here.figures) + checks


def _apart(committed: Mapping[str, Share], here: Mapping[str, Share]) -> list[str]:
    """Return the figures that are further apart than both half widths, or in one run only."""
    lines = []
    for name in dict.fromkeys([*committed, *here]):
        if name not in here or name not in committed:
            lines.append(f"{name}: in one run only")
        elif abs(committed[name].value - here[name].value) > _half_width(committed[name]) + _half_width(here[name]):
            lines.append(f"{name}: {committed[name].value} was committed, {here[name].value} here")
    return lines


def _half_width(share: Share) -> float:
    low, high = scoring.interval(round(share.value * share.images), share.images)
    return (high - low) / 2


@guarded
def main() -> int:
    """Print the finding and return its code."""
    parser = argparse.ArgumentParser(
        prog="python -m robust_digits.record.reproduction",
        description=__doc__,
        epilog=_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("record", help="folder of the record of the committed results, such as docs/results/digits")
    record = parser.parse_args().record.rstrip("/")
    code, said = judge(revisions.repository(), record)
    print(said)
    return code


if __name__ == "__main__":
    main()
