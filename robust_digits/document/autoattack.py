"""What benchmarks/autoattack.py measured beside the official implementation, as the table of a document."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from robust_digits.document import markdown
from robust_digits.errors import InputError
from robust_digits.judge.views import NORMS


def table(path: Path) -> str:
    """Return a table, one line a model: what both implementations leave, where they differ, seconds.

    Raises
    ------
    InputError
        If there is no such file, or it holds something else.
    """
    try:
        rows = json.loads(path.read_bytes())
        lines = [_compared(**row) for row in rows]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise InputError(f"{path}: not what benchmarks/autoattack.py writes: {error}") from None
    names = (
        "model",
        "eps",
        "images",
        "clean",
        "ours",
        "official",
        "differ",
        "ours, s",
        "official, s",
        "ratio",
        "arithmetic, s",
    )
    return markdown.table(names, lines)


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
        *(f"{seconds[each]:.0f}" for each in ("ours", "official")),
        f"{seconds['official'] / seconds['ours']:.1f}",
        f"{seconds_of_arithmetic:.0f}",
    ]
