"""Single figures out of committed files, as text for a document.

A figure is named by the file and what to take from it:

- `results/mnist/metrics/robust.json accuracy.clean`: a share in a JSON file, by its keys;
- `studies/loss.csv clean[poisson]`: a column of a CSV file in the row of this `value`, or of this `eps`;
- `studies/loss.csv clean`, `studies/loss.csv clean[poisson; hinge]`: from the smallest to the largest of all rows, or
  of these; `min` or `max` before it takes one end.

`mean` takes their mean, and `error` 1 - share; `interval` adds to the share of one row its 95% interval, by the images
that it was measured on. Shares are printed in percent with one decimal, or as many as `.0` or `.2` at the end say;
after `number` they are no shares and are printed as they are, in whole numbers or with as many decimals as are told;
`minutes` are such numbers too, of seconds in the file.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from robust_digits import tables
from robust_digits.document import counts, markdown
from robust_digits.errors import InputError
from robust_digits.judge import scoring

_FIGURE = re.compile(
    r"(?P<file>\S+) (?:(?P<as>error|number|minutes|interval) )?(?:(?P<of>min|max|mean) )?"
    r"(?P<key>[\w.]+?)(?:\[(?P<rows>[^\]]+)\])?(?: \.(?P<decimals>\d))?"
)
_OTHERWISE: Mapping[str, Callable[[float], float]] = {
    "error": lambda share: 1 - share,
    "minutes": lambda seconds: seconds / 60,
}
_KEYS = ("value", "eps")  # columns: what names the rows of a study or a curve


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
    path, number = folder / found["file"], found["as"] in {"number", "minutes"}
    decimals = int(found["decimals"] or (0 if number else 1))
    if found["as"] == "interval":
        if found["of"]:
            raise InputError(f"{named}: expected an interval of one row, not of the {found['of']}")
        return _with_interval(path, found["key"], found["rows"], decimals)
    shares = _csv(path, found["key"], found["rows"]) if path.suffix == ".csv" else [_json(path, found["key"])]
    shares = sorted(map(_OTHERWISE.get(found["as"], float), shares))
    ends = {"min": shares[:1], "max": shares[-1:], "mean": [fmean(shares)]}.get(found["of"], [shares[0], shares[-1]])
    said = (f"{share:,.{decimals}f}" if number else f"{100 * share:.{decimals}f}%" for share in ends)
    return " to ".join(dict.fromkeys(said))


def _with_interval(path: Path, column: str, name: str | None, decimals: int) -> str:
    """Return the share in a row of a study's table, and the ends of its 95% interval."""
    rows = _rows(path)
    if name is None or name not in rows:
        raise InputError(f"{path}: expected one row for an interval of {column}, of {'; '.join(rows)}; got {name}")
    (share,) = _csv(path, column, name)
    try:
        images = counts.of(rows[name], column)
    except (ValueError, KeyError) as error:
        raise InputError(f"{path}: expected on how many images {column} was measured, row {name}: {error}") from None
    return markdown.share(share, scoring.interval(round(share * images), images), decimals=decimals)


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
    found = _rows(path)
    wanted = re.split(r"; *", rows) if rows else list(found)
    try:
        shares = [float(found[name][column]) for name in wanted]
    except (ValueError, KeyError) as error:
        raise InputError(f"{path}: expected a share in {column}, rows {'; '.join(wanted)}: {error}") from None
    if not shares:
        raise InputError(f"{path}: expected one row at least")
    return shares


def _rows(path: Path) -> dict[str, dict[str, str]]:
    """Return the rows of a CSV file by what names them."""
    return {next((row[key] for key in _KEYS if key in row), ""): row for row in tables.read(path)}
