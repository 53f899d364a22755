"""Run a study: one experiment for each value of a parameter, a table of what each gave, and a picture of it.

`docs/studies/<name>.csv` has a line for each value. Killed and started again, a study runs only what is missing or what
other code and parameters have made.
"""

import argparse
import signal
import sys
from pathlib import Path
from typing import Any

from robust_digits.command import FAILED, guarded
from robust_digits.errors import InputError
from robust_digits.history import yaml12
from robust_digits.study import spec, workspace
from robust_digits.study.spec import Chain, Params, Plan
from robust_digits.study.study import Study
from robust_digits.study.tuning import Tuning


def _study(name: str, plan: Plan | Chain, given: Params, project: Path) -> Study | Tuning:
    """Return the study of a plan, or of one step of a chain after another."""
    return Study(name, plan, given, project) if isinstance(plan, Plan) else Tuning(name, plan, given, project)


def _setting(text: str) -> tuple[str, Any]:
    """Return the name and the value of NAME=VALUE, which is YAML 1.2 as in params.yaml."""
    name, given, value = text.partition("=")
    if not (name and given):
        raise InputError(f"--set-param: expected NAME=VALUE, got {text!r}")
    try:
        return name, yaml12.loaded(value)
    except ValueError:
        raise InputError(f"--set-param {name}: expected a value in YAML, got {value!r}") from None


@guarded
def main() -> int:
    """Read the command line; return 1 if an experiment failed."""
    parser = argparse.ArgumentParser(prog="python -m robust_digits.study.run", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="name", help=f"studies: files {spec.FOLDER}/<name>.yaml")
    parser.add_argument("--set-param", action="append", default=[], metavar="NAME=VALUE", help="over the plan's values")
    parser.add_argument("--mark", action="store_true", help="say and mark what is stale, draw, and run nothing")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the copy is removed
    given = dict(map(_setting, arguments.set_param))
    plans = {name: spec.load(name) for name in arguments.names}
    if arguments.mark:
        for study in [_study(name, plan, given, Path()) for name, plan in plans.items()]:
            print(study)
            study.write()
        return 0
    with workspace.copy() as project:  # one, before the keys: what is edited from here on belongs to the next start
        studies = {name: _study(name, plan, given, project) for name, plan in plans.items()}
        failed = [f"{name} {value}" for name, study in studies.items() for value in study.run()]
    if failed:
        print(f"failed: {', '.join(failed)}; start it again to run only these", file=sys.stderr)
        return FAILED
    print(", ".join(f"{spec.FOLDER}/{name}.csv" for name in studies))
    return 0


if __name__ == "__main__":
    main()
