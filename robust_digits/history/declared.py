"""What dvc.yaml declares of a stage, as DVC makes it of its template: what dvc.lock must say when it ran as declared.

DVC's own resolver reads the files of a working tree, and takes a second to load. This one knows what DVC looks for in
params.yaml and in a matrix: `${models}` and `${item.model}`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from robust_digits.errors import shown

_NAME = re.compile(r"\$\{\s*([^}\s]+)\s*\}")
_WRITTEN = ("outs", "metrics", "plots")


@dataclass(frozen=True)
class Declared:
    """The command of a stage, and the names of the parameters and files that it reads and writes."""

    command: str
    reads: frozenset[str]
    deps: frozenset[str]
    outs: frozenset[str]


def stage(template: Mapping[str, Any], values: Mapping[str, Any]) -> Declared:
    """Return what a stage of dvc.yaml is with `values` in the places of their names, such as item.model.

    Raises
    ------
    ValueError, KeyError, TypeError or AttributeError
        If it names a value that is not there, or is no stage of DVC.
    """
    return Declared(
        command=_filled(template["cmd"], values),
        reads=_names((each for each in template.get("params", ()) if isinstance(each, str)), values),  # of params.yaml
        deps=_names(template.get("deps", ()), values),
        outs=_names((_path(each) for kind in _WRITTEN for each in template.get(kind, ())), values),
    )


def _names(entries: Iterable[str], values: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(_filled(entry, values) for entry in entries)


def _path(entry: str | Mapping[str, Any]) -> str:
    """Return the path of what a stage writes: one with options is a mapping of one key."""
    (path,) = [entry] if isinstance(entry, str) else entry
    return path


def _filled(text: str, values: Mapping[str, Any]) -> str:
    """Return a text with values in the places of their names."""

    def value(name: re.Match[str]) -> str:
        if name[1] not in values:
            raise ValueError(f"expected a name in params.yaml or of the matrix, got {shown(name[0])}")
        return str(values[name[1]])

    return _NAME.sub(value, text)
