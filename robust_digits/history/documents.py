"""Mappings out of a revision's YAML files, and rows out of its tables."""

import csv
import io
import math
from collections.abc import Iterator, Mapping
from typing import Any

from robust_digits.errors import InputError
from robust_digits.history import yaml12
from robust_digits.history.revisions import Revision

_MOST = 1_000_000


def mapping(revision: Revision, path: str) -> dict[str, Any]:
    """Return the mapping that a YAML file holds.

    Raises
    ------
    InputError
        If the revision has no such file, or it holds something else; also if its aliases stand for more values than
        anybody means.
    """
    text = revision.text(path)
    try:
        content = yaml12.loaded(text)
        size = _size(content, {}) if "*" in text else 1
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} in {revision.label}: not valid YAML: {error}") from None
    if size > _MOST:
        raise InputError(f"{path} in {revision.label}: expected {_MOST:,} values at most, its aliases stand for more")
    if not isinstance(content, dict):
        raise InputError(f"{path} in {revision.label}: expected a mapping, got {type(content).__name__}")
    return content


def _size(value: object, known: dict[int, float]) -> float:
    """Return how many values there are, those that aliases share counted as often as they stand there."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in known:
        known[id(value)] = math.inf  # of one that holds itself
        known[id(value)] = 1 + sum(
            _size(each, known) for each in (value.values() if isinstance(value, dict) else value)
        )
    return known[id(value)]


def rows(revision: Revision, path: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header line, cells as text; an InputError if it is none."""
    try:
        header, *found = list(csv.reader(io.StringIO(revision.text(path), newline=""))) or [[]]
    except csv.Error as error:
        raise InputError(f"{path} in {revision.label}: not a table: {error}") from None
    if not header or any(len(row) != len(header) for row in found):
        raise InputError(f"{path} in {revision.label}: expected a header and rows of as many cells")
    return [dict(zip(header, row, strict=True)) for row in found]


def numbers(revision: Revision, path: str, *columns: str) -> list[tuple[float, ...]]:
    """Return columns of a CSV file as numbers, a tuple each row; an InputError if they are none."""
    try:
        return [tuple(float(row[column]) for column in columns) for row in rows(revision, path)]
    except (KeyError, ValueError) as error:
        raise InputError(f"{path} in {revision.label}: expected numbers in {', '.join(columns)}: {error}") from None


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value that is not a mapping itself by its full name: craft.eps; an empty mapping is a value."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
