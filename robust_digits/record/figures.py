"""Single figures out of committed files, as text for a document.

A figure is named by the file and what to take from it:

- `results/mnist/metrics/robust.json accuracy.clean`: a share in a JSON file, by its keys;
- `studies/loss.csv clean[poisson]`: a column of a CSV file in the row of this `value`, or of this `eps`;
- `studies/loss.csv clean`, `studies/loss.csv clean[poisson; hinge]`: from the smallest to the largest of all rows, or
  of these; `min` or `max` before it takes one end.

`mean` takes their mean, and `error` 1 - share. Shares are printed in percent with one decimal, or as many as `.0` or
`.2` at the end say; after `number` they are no shares and are printed as they are, in whole numbers.
"""

import json
import re
from pathlib import Path
from statistics import fmean
from typing import Any

from robust_digits import tables
from robust_digits.errors import InputError

_FIGURE = re.compile(
    r"(?P<file>\S+) (?:(?P<as>error|number) )?(?:(?P<of>min|max|mean) )?"
    r"(?P<key>[\w.]+?)(?:\[(?P<rows>[^\]]+)\])?(?: \.(?P<decimals>\d))?"
)
_KEYS = ("value", "eps")  # the column that names the rows: of a study's table, or of a curve


def text(named: str, folder: Path) -> str:
    """Return the figure that `named` describes, from a file below `folder`.

    Raises
    ------
    InputError
        If this is no description of a figure, or the file does not have it.
    """
    found = _FIGURE.fullmatch(named)
    if not found:
        raise InputError(f"{named}: expected a file, a key or column[rows], and what else figures.py names")
    path = folder / found["file"]
    shares = _csv(path, found["key"], found["rows"]) if path.suffix == ".csv" else [_json(path, found["key"])]
    shares = sorted(1 - share if found["as"] == "error" else share for share in shares)
    ends = {"min": shares[:1], "max": shares[-1:], "mean": [fmean(shares)]}.get(found["of"], [shares[0], shares[-1]])
    decimals = int(found["decimals"] or 1)
    said = (f"{share:.0f}" if found["as"] == "number" else f"{100 * share:.{decimals}f}%" for share in ends)
    return " to ".join(dict.fromkeys(said))


def _json(path: Path, key: str) -> float:
    """Return the share behind keys that points divide."""
    try:
        value: Any = json.loads(path.read_bytes())
        for part in key.split("."):
            value = value[part]
        return float(value)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: expected a share under {key}: {error}") from None


def _csv(path: Path, column: str, rows: str | None) -> list[float]:
    """Return the shares in a column, of all rows or of the named ones."""
    found = {next((row[key] for key in _KEYS if key in row), ""): row for row in tables.read(path)}
    wanted = re.split(r"; *", rows) if rows else list(found)
    try:
        shares = [float(found[name][column]) for name in wanted]
    except (ValueError, KeyError) as error:
        raise InputError(f"{path}: expected a share in {column}, rows {'; '.join(wanted)}: {error}") from None
    if not shares:
        raise InputError(f"{path}: expected one row at least")
    return shares
