"""Mappings out of a revision's YAML files, and rows out of its tables."""

import csv
import io
import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import yaml
from ruamel.yaml.resolver import implicit_resolvers

from robust_digits.errors import InputError
from robust_digits.history.revisions import Revision

_MOST = 1_000_000
_BASES = {"0b": 2, "0o": 8, "0x": 16}
_NOT_YAML = (yaml.YAMLError, RecursionError, ValueError, LookupError, TypeError, AttributeError)  # of values and tags


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # without C a lock takes seconds
    """Read YAML 1.2 as ruamel.yaml does, by which DVC reads: PyYAML's own 1.1 takes 1e-3 for text, and 1:30 for 90."""

    yaml_implicit_resolvers: ClassVar = {
        start: [
            (tag, form) for versions, tag, form, starts in implicit_resolvers if (1, 2) in versions and start in starts
        ]
        for start in {start for *_, starts in implicit_resolvers for start in starts}
    }

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Return a whole number: 010 is ten, 0o10 is eight."""
        text = str(self.construct_scalar(node)).replace("_", "")
        return int(text, _BASES.get(text.lstrip("+-")[:2], 10))


Loader.add_constructor("tag:yaml.org,2002:int", Loader.construct_yaml_int)


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
        content = yaml.load(text, Loader=Loader)  # noqa: S506 (a safe loader)
        size = _size(content, {}) if "*" in text else 1
    except _NOT_YAML as error:
        raise InputError(f"{path} in {revision.label}: not valid YAML: {' '.join(str(error).split())}") from None
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
