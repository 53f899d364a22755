"""Load and check parts of params.yaml.

A stage declares the keys that it reads as a `Section`, a frozen record, beside its `main`. Every value is checked
before anything slow is imported, so that a misspelt parameter fails within a second.
"""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from robust_digits.errors import InputError

PARAMS_FILE = "params.yaml"
_WORDS = {  # pydantic's, and what a reader of params.yaml knows them as
    "Value error, ": "",
    "Input should be": "expected",
    "valid tuple": "list",
    "Tuple should have": "expected",
    " after validation": "",
    "String should match pattern": "expected a name that matches",
}

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Threads = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Sizes = Annotated[tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...], Field(min_length=1, strict=False)]


def _no_bool(value: object) -> object:
    """Refuse what equals a number only in Python: True == 1."""
    if isinstance(value, bool):
        raise ValueError("Input should be 'inf', 1 or 2")  # noqa: TRY004 (pydantic wants a ValueError)
    return value


Norm = Annotated[Literal["inf", 1, 2], BeforeValidator(_no_bool)]


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list that names one thing twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"expected each name once, got {', '.join(twice)} again")
    return names


ModelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]  # of a file in models/, and of metrics/<model>.json
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
        raise InputError("\n".join(f"{where}: {_line(kind, detail)}" for detail in _innermost(error))) from None


def read(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file; InputError where there is none."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run from the folder that holds it") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a ValueError: no such day, a number too long
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected a mapping of parameters, got {type(values).__name__}")
    return values


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
    key = ".".join(str(part) for part in detail["loc"])
    given = detail["input"]
    if detail["type"] == "missing":
        return f"{key} is missing"
    if detail["type"] == "extra_forbidden":
        return f"{key} is not a parameter; {_legal(kind, detail['loc'])}"
    message = detail["msg"]
    for pydantic, ours in _WORDS.items():
        message = message.replace(pydantic, ours)
    if detail["type"] == "float_type" and isinstance(given, str) and _is_number(given):
        message += f" (YAML reads {given} as text; write it with a point, as in 1.0e-3)"
    return f"{key}: {message}, got {_shown(given)}"


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


def _shown(value: object) -> str:
    try:
        return repr(value)
    except ValueError:  # Python prints no integer of more than 4300 digits
        return "a number too long to print"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
