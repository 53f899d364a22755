"""What was measured of the suite beside the official AutoAttack, and beyond it, as the tables of a document."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from robust_digits.document import markdown
from robust_digits.errors import InputError
from robust_digits.judge.views import NORMS

Line = Callable[..., list[str]]

_SHORT = 10  # fewer seconds are shown with a decimal


def table(path: Path) -> str:
    """Return a table, one line a model: what both implementations leave, where they differ, seconds.

    Raises
    ------
    InputError
        If there is no such file, or it holds something else.
    """
    names = "model", "eps", "images", "clean", "ours", "official", "differ", "ours, s", "official, s", "ratio"
    return markdown.table((*names, "arithmetic, s"), _lines(path, _compared, "benchmarks/autoattack.py"))


def longer(path: Path) -> str:
    """Return a table, one line a model: what a long attack leaves of the images that a suite left.

    Raises
    ------
    InputError
        If there is no such file, or it holds something else.
    """
    names = "model", "eps", "images", "after the suite", "after the long attack", "fell", "restarts", "steps"
    return markdown.table(names, _lines(path, _attacked_on, "benchmarks/long_attack.py"))


def _lines(path: Path, line: Line, made_by: str) -> list[list[str]]:
    try:
        return [line(**row) for row in json.loads(path.read_bytes())]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise InputError(f"{path}: not what {made_by} writes: {error}") from None


def _compared(  # a row as it stands in the file
    *,
    model: str,
    eps: float,
    norm: str | int,
    images: int,
    seed: int,
    ours: Mapping[str, float],
    official: Mapping[str, float],
    disagree: Sequence[int],
    seconds: Mapping[str, float],
    seconds_of_arithmetic: float,
    **_: object,
) -> list[str]:
    return [
        f"{model}, seed {seed}" if seed else model,
        f"{eps:g}, {NORMS[norm]}",
        f"{images:,}",
        *(f"{100 * share:.1f}%" for share in (ours["clean"], list(ours.values())[-1], list(official.values())[-1])),
        str(len(disagree)),
        *(f"{seconds[each]:.{0 if seconds[each] >= _SHORT else 1}f}" for each in ("ours", "official")),
        f"{seconds['official'] / seconds['ours']:.3g}",
        f"{seconds_of_arithmetic:.0f}",
    ]


def _attacked_on(  # a row as it stands in the file
    *,
    model: str,
    eps: float,
    images: int,
    suite: float,
    left: float,
    broken: Sequence[int],
    restarts: int,
    steps: int,
    **_: object,
) -> list[str]:
    shares = (f"{100 * share:.1f}%" for share in (suite, left))
    return [model, f"{eps:g}", f"{images:,}", *shares, str(len(broken)), str(restarts), str(steps)]
