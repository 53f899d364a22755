"""A check of the evaluation: what was measured, the bound, whether it holds; and the file that has them all."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from robust_digits import files
from robust_digits.errors import InputError

_ROUNDING = 1e-9  # of a difference of two shares


@dataclass(frozen=True)
class Check:
    """One check: `measured` must not exceed `bound`; without its attacks it is not measured, and red."""

    says: str
    measured: float | None
    bound: float

    @property
    def passed(self) -> bool:
        """Return whether the check holds; NaN does not."""
        return self.measured is not None and self.measured <= self.bound + _ROUNDING


def save(path: Path, models: Mapping[str, Mapping[str, Check]]) -> None:
    """Write every check of every model as JSON: what it says, what was measured, the bound, and passed or not."""
    content = {
        model: {
            name: {
                "says": check.says,
                "measured": None if check.measured is None or math.isnan(check.measured) else check.measured,
                "bound": check.bound,
                "passed": check.passed,
            }
            for name, check in table.items()
        }
        for model, table in models.items()
    }
    files.write(path, json.dumps(content, indent=2) + "\n")


def load(path: Path) -> dict[str, dict[str, Check]]:
    """Read the checks that `save` wrote.

    Raises
    ------
    InputError
        If the file is missing or holds something else.
    """
    try:
        return parse(path.read_bytes(), where=str(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `dvc repro` makes it") from None
    except OSError as error:
        raise InputError(f"{path}: not the checks of an evaluation: {error}") from None


def parse(content: bytes, *, where: str) -> dict[str, dict[str, Check]]:
    """Return the checks in a file's content; an InputError names the file, `where`, if it holds something else."""
    try:
        models = json.loads(content)
        return {model: {name: _check(**check) for name, check in table.items()} for model, table in models.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{where}: not the checks of an evaluation: {error}") from None


def _check(*, says: str, measured: float | None, bound: float, **_: object) -> Check:
    """Return a check from its numbers, which decide; `passed` in the file is for the reader."""
    if not (isinstance(bound, int | float) and isinstance(measured, int | float | None)):
        raise TypeError(f"expected numbers, got {measured} and {bound}")
    return Check(says, measured, bound)


def amount(check: Check) -> str:
    """Return what was measured and the bound, as wide as a table for a terminal needs it."""
    measured = "not run" if check.measured is None else f"{check.measured:.4g}"
    return f"{measured:>9} <= {check.bound:<8.4g}"
