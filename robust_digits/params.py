"""Load and check parts of params.yaml.

A stage declares the keys that it reads as a `Section`, a frozen record, beside its `main`. Every value is checked
before anything slow is imported, so that a misspelt parameter fails within a second.
"""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import Node

from robust_digits.errors import InputError, in_one_line, named, shown

PARAMS_FILE = "params.yaml"
_LONGEST = 100_000  # characters of the file: what is much longer takes minutes to read
_MOST = 20  # lines of what is wrong
_NOT_YAML = (YAMLError, RecursionError, ValueError, LookupError, TypeError)  # no such day, a number too long, a tag
_WORDS = {  # pydantic's, and what a reader of params.yaml knows them as
    "Value error, ": "",
    "Input should be": "expected",
    "valid tuple": "list",
    "Tuple should have": "expected",
    " after validation": "",
    "String should match pattern": "expected a name that matches",
    "String should have": "expected",
}

Seed = Annotated[int, Field(ge=0, lt=2**32)]
MOST_THREADS = 1024  # more than a machine has cores; TensorFlow starts all at once
Threads = Annotated[int, Field(ge=1, le=MOST_THREADS)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]  # of epochs, steps, images: more is a slip of the finger
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Side = Annotated[int, Field(ge=1, le=1024)]  # pixels: four times what large networks are fed with
Share = Annotated[float, Field(gt=0, lt=1)]
Fraction = Annotated[float, Field(gt=0, le=1)]
_Size = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Sizes = Annotated[tuple[_Size, ...], Field(min_length=1, max_length=100, strict=False)]


def _no_bool(value: object) -> object:
    """Refuse what equals a number only in Python: True == 1."""
    if isinstance(value, bool):
        raise ValueError("Input should be 'inf', 1 or 2")  # noqa: TRY004 (pydantic wants a ValueError)
    return value


Norm = Annotated[Literal["inf", 1, 2], BeforeValidator(_no_bool)]


def _one_line(text: str) -> str:
    """Refuse what would break a message into lines, or end a path."""
    if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", text):
        raise ValueError("expected one line of text")
    return text


def _checksum(text: str) -> str:
    """Refuse what is no SHA-256: it names a folder of the user's cache."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ValueError("expected 64 hexadecimal digits")
    return text


Source = Annotated[str, Field(max_length=4096), AfterValidator(_one_line)]  # the longest path or URL that works
Sha256 = Annotated[str, AfterValidator(_checksum)]


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list that names one thing twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"expected each name once, got {', '.join(twice)} again")
    return names


ModelName = Annotated[
    str, Field(max_length=64, pattern=r"^[a-z][a-z0-9_]*$")
]  # of a file in models/, and of metrics/<model>.json
Models = Annotated[tuple[ModelName, ...], Field(min_length=1, strict=False), AfterValidator(_different)]


class Section(BaseModel):
    """A frozen record of the keys of one mapping in params.yaml.

    Unknown and missing keys are refused, numbers are not made from text. A subclass that reads a part of a mapping
    names the keys it leaves to other stages: `class Craft(Section, others=("fraction",))`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    others: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, others: tuple[str, ...] = (), **kwargs: Any) -> None:  # noqa: ANN401 (pydantic's own)
        """Remember the keys of this mapping that other stages read."""
        super().__init_subclass__(**kwargs)
        cls.others = others


S = TypeVar("S", bound=Section)


def load(kind: type[S], path: Path = Path(PARAMS_FILE)) -> S:
    """Return the part of the parameters file that `kind` describes; top-level keys that it does not name are ignored.

    Raises
    ------
    InputError
        One line for every value that is unknown, missing, of the wrong type or out of range.
    """
    return parse(kind, read(path), where=str(path))


def check(kinds: Iterable[type[Section]], path: Path = Path(PARAMS_FILE)) -> None:
    """Refuse a parameters file that `load` would refuse for any of `kinds`; what several find wrong is said once."""
    values = read(path)
    lines = [line for kind in kinds for line in _refusal(kind, values, where=str(path)).splitlines()]
    if lines:
        raise InputError("\n".join(dict.fromkeys(lines)))


def parse(kind: type[S], values: dict[str, Any], *, where: str) -> S:
    """Check a mapping as `load` does; `where` is the file that messages name."""
    wanted = {name: values[name] for name in kind.model_fields if name in values}
    for name, field in kind.model_fields.items():
        section = _section(field.annotation)
        if section and isinstance(wanted.get(name), dict):
            wanted[name] = {key: value for key, value in wanted[name].items() if key not in section.others}
    try:
        return kind.model_validate(wanted)
    except ValidationError as error:
        lines = [f"{where}: {_line(kind, detail)}" for detail in _innermost(error)[: _MOST + 1]]
        if len(lines) > _MOST:
            lines[_MOST] = f"{where}: and more"
        raise InputError("\n".join(lines)) from None


def read(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file, as DVC reads it (YAML 1.2: 1:30 is text); InputError where there is none."""
    reader = YAML(typ="safe")
    reader.Composer = _Composer
    try:
        values = reader.load(_text(path))
    except InputError:
        raise
    except _NOT_YAML as error:
        raise InputError(f"{path}: not valid YAML: {in_one_line(error)}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected a mapping of parameters, got {type(values).__name__}")
    return values


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LONGEST + 1)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run from the folder that holds it") from None
    if len(text) > _LONGEST:
        raise ValueError(f"expected {_LONGEST:,} characters at most, got more")
    return text


class _Composer(Composer):
    """Refuse aliases, with which a few lines may stand for more values than a machine can hold."""

    def compose_node(self, parent: Node | None, index: int) -> Node:
        """Return the next node of the file."""
        if self.parser.check_event(AliasEvent):
            event = self.parser.get_event()
            raise ComposerError(None, None, f"write out what *{event.anchor} stands for", event.start_mark)
        node: Node = super().compose_node(parent, index)
        return node


def _refusal(kind: type[Section], values: dict[str, Any], *, where: str) -> str:
    """Return what `parse` says against a mapping: nothing where it is right."""
    try:
        parse(kind, values, where=where)
    except InputError as error:
        return str(error)
    return ""


def _innermost(error: ValidationError) -> list[ErrorDetails]:
    """Return what is wrong without what is said again of the list around it: that it is too short without the part."""
    details = error.errors()
    around = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    return [detail for detail in details if detail["loc"] not in around]


def _line(kind: type[Section], detail: ErrorDetails) -> str:
    """Say in one line what is wrong with one value, and what would be right."""
    key = named(".".join(str(part) for part in detail["loc"]))
    if detail["type"] == "missing":
        return f"{key} is missing"
    if detail["type"] == "extra_forbidden":
        return f"{key} is not a parameter; {_legal(kind, detail['loc'])}"
    message = detail["msg"]
    for pydantic, ours in _WORDS.items():
        message = message.replace(pydantic, ours)
    return f"{key}: {message}, got {shown(detail['input'])}"


def _legal(kind: type[Section], location: tuple[int | str, ...]) -> str:
    """List the keys of the mapping in which the last part of `location` is unknown, the most similar one first."""
    for part in location[:-1]:
        kind = _section(kind.model_fields[str(part)].annotation) or kind
    names = sorted({*kind.model_fields, *kind.others})
    close = difflib.get_close_matches(str(location[-1]), names, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}legal here: {', '.join(names) or 'nothing'}"


def _section(annotation: Any) -> type[Section] | None:  # noqa: ANN401 (any type may stand in an annotation)
    """Return the section that an annotation names, alone or with None."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, Section):
            return kind
    return None
