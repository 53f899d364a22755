"""Show every check of the evaluation, red ones first, and fail when one is red that gate.yaml does not accept."""

import argparse

from robust_digits.command import FAILED, guarded
from robust_digits.errors import InputError
from robust_digits.history import limits, revisions
from robust_digits.history.limits import Limits
from robust_digits.history.results import Results
from robust_digits.judge import checks
from robust_digits.judge.checks import Check

_RED, _ACCEPTED, _GREEN = "RED", "accepted", "ok"
_CODES = """exit code:
  0  every check is green, or accepted in gate.yaml
  1  a check is red
  2  nothing to check, or a file that cannot be read
"""


@guarded
def main() -> int:
    """Print the checks of the working tree and return 1 if one is red that is not accepted."""
    parser = argparse.ArgumentParser(
        prog="python -m robust_digits.report.gate",
        description=__doc__,
        epilog=_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    revision = revisions.repository().here()
    found, held = Results(revision).checks, limits.load(revision)
    if not found:
        raise InputError("metrics/sanity.json: nothing was checked; `dvc repro` does it")
    says = {name: _says(name, check, held) for name, check in found.items()}
    order = (_RED, _ACCEPTED, _GREEN)
    for name in sorted(found, key=lambda name: order.index(says[name])):
        print(_line(name, found[name], says[name]))
        if says[name] == _ACCEPTED:
            print(f"{'':<10}{held.accepted[name]}")
    counts = {said: sum(each == said for each in says.values()) for said in order}
    print(
        f"of {len(found)} checks {', '.join(f'{count} {said}' for said, count in counts.items())}" + _idle(says, held)
    )
    return FAILED if counts[_RED] else 0


def _says(name: str, check: Check, held: Limits) -> str:
    if check.passed:
        return _GREEN
    return _ACCEPTED if name in held.accepted else _RED


def _line(name: str, check: Check, said: str) -> str:
    return f"{said:<9} {name.partition('.')[0]:<9} {checks.amount(check)}  {check.says}"


def _idle(says: dict[str, str], held: Limits) -> str:
    """Say which checks gate.yaml accepts though they are green."""
    idle = [name for name in held.accepted if says.get(name) == _GREEN]
    return f"; gate.yaml accepts what is not red: {', '.join(idle)}" if idle else ""


if __name__ == "__main__":
    main()
