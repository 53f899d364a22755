"""Fail when a check of the evaluation is red: `make gate`, for CI."""

import argparse
import sys
from pathlib import Path

from robust_digits.errors import InputError
from robust_digits.judge import sanity


def main() -> None:
    """Print every check and exit with 1 if one is red, 2 if there is nothing to check."""
    parser = argparse.ArgumentParser(prog="python -m robust_digits.report.gate", description=__doc__)
    parser.add_argument("checks", type=Path, help="metrics/sanity.json")
    try:
        models = sanity.load(parser.parse_args().checks)
    except InputError as error:
        print(f"gate: {error}", file=sys.stderr)
        sys.exit(2)
    print("\n".join(sanity.lines(models)))
    passed = [check.passed for table in models.values() for check in table.values()]
    if not passed:
        print("gate: nothing was checked", file=sys.stderr)
        sys.exit(2)
    if not all(passed):
        sys.exit(f"gate: {passed.count(False)} of {len(passed)} checks are red")


if __name__ == "__main__":
    main()
