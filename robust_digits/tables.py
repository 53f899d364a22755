"""Tables as CSV files: one header line, LF line ends, the same bytes on every platform."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from robust_digits.errors import InputError
from robust_digits.files import replacing

Cell = int | float | str


def write(path: Path, rows: Iterable[Mapping[str, Cell]], *, columns: Sequence[str]) -> None:
    """Write rows as CSV; every row must have exactly the named columns (ValueError otherwise)."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            if row.keys() != set(columns):
                raise ValueError(f"{path}: expected the columns {', '.join(columns)}, got {', '.join(row)}")
            writer.writerow(row)


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header line, cells as text.

    Raises
    ------
    InputError
        If the file is missing, or a row has more or fewer cells than the header.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `dvc repro` or `dvc checkout` makes it") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a CSV file: {error}") from None
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise InputError(f"{path}, line {number}: expected as many cells as the header has, got another number")
    return rows
