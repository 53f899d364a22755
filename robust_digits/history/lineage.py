"""What dvc.lock says: which stage made what from what.

Two locks tell which stages ran again; the files beside a lock tell whether it is theirs.
"""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from robust_digits.errors import InputError, named, shown
from robust_digits.history import declared, documents
from robust_digits.history.declared import Declared
from robust_digits.history.revisions import Revision

_IN_CACHE = ("data/", "models/")  # DVC's, not git's
_MISSING = object()


@dataclass(frozen=True)
class Stage:
    """One stage as it last ran: its command, the values of its parameters, and the MD5 of what it read and wrote."""

    command: str
    reads: tuple[str, ...]  # the parameters that it declares: single ones, and sections
    params: Mapping[str, Any]  # the value of each, by its full name
    deps: Mapping[str, str]
    outs: Mapping[str, str]

    def differences(self, other: "Stage") -> list[str]:
        """Return what this stage read otherwise than the other: parameters, files, or its command."""
        changed = [*differing(self.params, other.params), *differing(self.deps, other.deps)]
        return changed if self.command == other.command else [*changed, "its command"]


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the keys, sorted, that only one of two mappings has, or both with another value."""
    return [name for name in sorted(one.keys() | other) if one.get(name, _MISSING) != other.get(name, _MISSING)]


def read(revision: Revision) -> dict[str, Stage]:
    """Return every stage that dvc.yaml declares and dvc.lock knows, in the order of dvc.yaml.

    Raises
    ------
    InputError
        If one of the files is missing, or not what DVC writes and reads.
    """
    locked = documents.mapping(revision, "dvc.lock")
    try:
        known = {name: _stage(entry) for name, entry in locked["stages"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise InputError(f"dvc.lock in {revision.label}: not a lock file of DVC: {what}") from None
    return {name: known[name] for name in _declared(revision) if name in known}


def stale(revision: Revision) -> list[str]:
    """Return why the results are not those of the revision's own files, a phrase each; none if they are.

    Data and models are DVC's, not git's: of them only is checked that what a stage read is what another wrote.
    """
    found, declarations = read(revision), _declared(revision)
    values = dict(documents.flat(documents.mapping(revision, "params.yaml")))
    written = {path: recorded for stage in found.values() for path, recorded in stage.outs.items()}
    metrics = [path for path in sorted(revision.files) if path.startswith("metrics/") and path.count("/") == 1]
    return [
        *(f"{name} never ran" for name in declarations if name not in found),
        *(f"{path} was written by no stage" for path in metrics if path not in written),
        *(
            f"{name} {phrase}"
            for name, stage in found.items()
            for phrase in (
                *_otherwise(stage, _declaration(revision, name, *declarations[name], values)),
                *_other_params(stage, values),
                *_other_files(stage, revision, written),
            )
        ),
    ]


def _otherwise(stage: Stage, wanted: Declared) -> Iterator[str]:
    """Yield in what a stage ran otherwise than dvc.yaml declares by now."""
    if stage.command != wanted.command:
        yield "ran by another command than dvc.yaml has"
    ran = {*stage.reads, *stage.deps, *stage.outs}
    named = wanted.reads | wanted.deps | wanted.outs
    yield from (f"ran without {name}, which dvc.yaml names" for name in sorted(named - ran))
    yield from (f"ran with {name}, which dvc.yaml does not name" for name in sorted(ran - named))


def _other_params(stage: Stage, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield which parameters have another value by now than the stage ran with."""
    below = tuple(f"{name}." for name in stage.reads)
    given = {name: value for name, value in values.items() if name in stage.reads or name.startswith(below)}
    for name in differing(stage.params, given):
        yield f"ran with {name} {stage.params.get(name)}, not {given.get(name)}"


def _other_files(stage: Stage, revision: Revision, written: Mapping[str, str]) -> Iterator[str]:
    """Yield which files are others by now than the stage read or wrote."""
    for path, recorded in stage.deps.items():
        if (written.get(path, recorded) if path.startswith(_IN_CACHE) else _md5(revision, path)) != recorded:
            yield f"read another {path}"
    for path, recorded in stage.outs.items():
        if not path.startswith(_IN_CACHE) and _md5(revision, path) != recorded:
            yield f"wrote another {path}"


def _declared(revision: Revision) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Return the template of every stage in dvc.yaml, and what its matrix sets there, such as item.model.

    Stages of a matrix have the names that DVC gives them: evaluate@robust.
    """
    found = {}
    stages = documents.mapping(revision, "dvc.yaml").get("stages", {})
    for name, value in _mapping(stages, "stages", revision).items():
        template = _mapping(value, name, revision)
        matrix = _mapping(template.get("matrix", {}), f"{name}: matrix", revision)
        axes = [f"item.{axis}" for axis in matrix]
        for cell in itertools.product(*(_values(revision, axis) for axis in matrix.values())):
            full = f"{name}@{'-'.join(map(str, cell))}" if axes else name
            found[full] = template, dict(zip(axes, cell, strict=True))
    return found


def _mapping(value: object, name: str, revision: Revision) -> dict[str, Any]:
    """Return a part of dvc.yaml, an InputError by its name if it is no mapping."""
    if not isinstance(value, dict):
        raise InputError(f"dvc.yaml in {revision.label}: {named(name)}: expected a mapping, got {shown(value)}")
    return value


def _declaration(
    revision: Revision, name: str, template: Mapping[str, Any], cell: Mapping[str, Any], values: Mapping[str, Any]
) -> Declared:
    """Return what a stage of dvc.yaml declares; an InputError if that cannot be told."""
    try:
        return declared.stage(template, {**values, **cell})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise InputError(f"dvc.yaml in {revision.label}: {name}: not a stage of DVC: {what}") from None


def _values(revision: Revision, axis: Any) -> list[Any]:  # noqa: ANN401 (a list, or the name of one)
    """Return the values of an axis of a matrix: a list, or `${models}`, which is one in params.yaml.

    Of a mapping there, as `${craft.attacks}` is one, the values are the keys.
    """
    if isinstance(axis, str):
        keys = axis.removeprefix("${").removesuffix("}").split(".")
        axis = documents.mapping(revision, "params.yaml")
        for key in keys:
            axis = axis.get(key) if isinstance(axis, dict) else None
        axis = list(axis) if isinstance(axis, dict) else axis
    if not isinstance(axis, list):
        raise InputError(f"dvc.yaml in {revision.label}: expected a list as the axis of a matrix, got {axis}")
    return axis


def _stage(entry: Mapping[str, Any]) -> Stage:
    deps, outs = (
        {_text(each["path"]): _text(each["md5"]) for each in entry.get(kind, ())} for kind in ("deps", "outs")
    )
    params = entry.get("params", {}).get("params.yaml", {})
    return Stage(_text(entry["cmd"]), tuple(map(_text, params)), dict(documents.flat(params)), deps, outs)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {shown(value)}")
    return value


def _md5(revision: Revision, path: str) -> str | None:
    """Return DVC's hash of a file, or of a folder: that of the list of its files."""
    if path in revision.files:
        return _hash(revision.files[path])
    below = sorted(name for name in revision.files if name.startswith(f"{path}/"))
    listed = [{"md5": _hash(revision.files[name]), "relpath": name.removeprefix(f"{path}/")} for name in below]
    return _hash(json.dumps(listed, sort_keys=True).encode()) + ".dir" if listed else None


def _hash(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
