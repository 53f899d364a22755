"""Loading and checking parts of params.yaml."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from robust_digits.attack.table import Chosen
from robust_digits.detect.settings import Detectors
from robust_digits.errors import InputError
from robust_digits.params import Count, Fraction, Norm, Positive, Section, Seed, Share, Threads, load, parse

ROOT = Path(__file__).parents[1]
STAGES = sorted(script.stem for script in (ROOT / "stages").glob("*.py"))


class Attack(Section, others=("steps",)):
    """A part of a mapping: `steps` is for another stage."""

    norm: Norm
    eps: Positive
    fraction: Fraction


class Record(Section):
    """One key of every kind."""

    seed: Seed
    threads: Threads
    epochs: Count
    share: Share
    source: str
    sha256: str | None
    attack: Attack


GOOD = """
seed: 7
threads: 2
epochs: 3
share: 0.25
source: digits
sha256: null
attack: {norm: inf, eps: 0.1, fraction: 1.0, steps: 3}
elsewhere: {anything: goes}
"""


def put(folder: Path, text: str | bytes) -> Path:
    """Write a parameters file."""
    path = folder / "params.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def given_value(key: str, value: str) -> str:
    """Return the good parameters, with YAML text as the value of one key."""
    changed, count = re.subn(rf"\b{key}: [^,}}\n]+", lambda _: f"{key}: {value}", GOOD)
    assert count == 1
    return changed


def refusal(path: Path) -> str:
    """Return the message that the parameters file is refused with."""
    with pytest.raises(InputError) as caught:
        load(Record, path)
    return str(caught.value)


def test_a_good_file_loads_as_a_frozen_record(tmp_path: Path) -> None:
    """Values keep their types, keys of other stages are left out, and nothing can be changed afterwards."""
    record = load(Record, put(tmp_path, GOOD))
    assert record == Record(
        seed=7,
        threads=2,
        epochs=3,
        share=0.25,
        source="digits",
        sha256=None,
        attack=Attack(norm="inf", eps=0.1, fraction=1.0),
    )
    with pytest.raises(ValueError, match="frozen"):
        record.seed = 8  # type: ignore[misc]


def test_the_file_of_the_current_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path, params.yaml of the current folder is read."""
    put(tmp_path, GOOD)
    monkeypatch.chdir(tmp_path)
    assert load(Record).seed == 7


@pytest.mark.parametrize(
    ("key", "value", "legal"),
    [
        ("seed", "0", 0),
        ("seed", "4294967295", 2**32 - 1),
        ("threads", "1", 1),
        ("eps", "1", 1.0),
        ("eps", "1.0e-3", 0.001),
        ("eps", "1e-3", 0.001),
        ("seed", "010", 10),
        ("eps", "255", 255.0),
        ("share", "0.999", 0.999),
        ("fraction", "1", 1.0),
        ("norm", "inf", "inf"),
        ("norm", "1", 1),
        ("norm", "2", 2),
        ("sha256", "abc", "abc"),
    ],
)
def test_a_legal_value_is_taken(tmp_path: Path, key: str, value: str, legal: object) -> None:
    """The ends of a range belong to it where its name says so; a whole number is a number."""
    record = load(Record, put(tmp_path, given_value(key, value)))
    assert {**dict(record), **dict(record.attack)}[key] == legal


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("seed", "text", "seed: expected a valid integer, got 'text'"),
        ("seed", "true", "seed: expected a valid integer, got True"),
        ("seed", "1.0", "seed: expected a valid integer, got 1.0"),
        ("seed", "1:30", "seed: expected a valid integer, got '1:30'"),
        ("seed", "-1", "seed: expected greater than or equal to 0, got -1"),
        ("seed", "4294967296", "seed: expected less than 4294967296, got 4294967296"),
        ("seed", "null", "seed: expected a valid integer, got None"),
        ("seed", "[1]", "seed: expected a valid integer, got [1]"),
        ("threads", "0", "threads: expected greater than or equal to 1, got 0"),
        ("epochs", "0", "epochs: expected greater than or equal to 1, got 0"),
        ("epochs", "2.5", "epochs: expected a valid integer, got 2.5"),
        ("share", "0", "share: expected greater than 0, got 0"),
        ("share", "1", "share: expected less than 1, got 1"),
        ("share", ".nan", "share: expected less than 1, got nan"),
        ("share", "true", "share: expected a valid number, got True"),
        ("fraction", "0.0", "attack.fraction: expected greater than 0, got 0.0"),
        ("fraction", "1.01", "attack.fraction: expected less than or equal to 1, got 1.01"),
        ("eps", "-1", "attack.eps: expected greater than 0, got -1"),
        ("eps", "0", "attack.eps: expected greater than 0, got 0"),
        ("eps", ".nan", "attack.eps: expected a finite number, got nan"),
        ("eps", ".inf", "attack.eps: expected a finite number, got inf"),
        ("eps", "large", "attack.eps: expected a valid number, got 'large'"),
        ("eps", "true", "attack.eps: expected a valid number, got True"),
        ("norm", "3", "attack.norm: expected 'inf', 1 or 2, got 3"),
        ("norm", "Inf", "attack.norm: expected 'inf', 1 or 2, got 'Inf'"),
        ("norm", ".inf", "attack.norm: expected 'inf', 1 or 2, got inf"),
        ("norm", "'2'", "attack.norm: expected 'inf', 1 or 2, got '2'"),
        ("source", "5", "source: expected a valid string, got 5"),
        ("source", "null", "source: expected a valid string, got None"),
        ("sha256", "12", "sha256: expected a valid string, got 12"),
    ],
)
def test_an_illegal_value_is_refused(tmp_path: Path, key: str, value: str, message: str) -> None:
    """One line says in which file, for which key, what is legal and what was given; nothing is converted."""
    path = put(tmp_path, given_value(key, value))
    assert refusal(path) == f"{path}: {message}"


def test_true_is_no_norm(tmp_path: Path) -> None:
    """Python's True equals 1, YAML's does not."""
    assert "attack.norm: expected 'inf', 1 or 2, got True" in refusal(put(tmp_path, given_value("norm", "true")))


def test_a_misspelt_key_is_refused(tmp_path: Path) -> None:
    """The message has the key that was meant, and every legal one, those of other stages included."""
    path = put(tmp_path, GOOD.replace("{norm", "{esp: 0.2, norm"))
    assert refusal(path) == (
        f"{path}: attack.esp is not a parameter; did you mean eps? legal here: eps, fraction, norm, steps"
    )


def test_an_unknown_key_like_no_other_is_refused(tmp_path: Path) -> None:
    """Where no key is similar, only the legal ones are listed."""
    path = put(tmp_path, GOOD.replace("{norm", "{zzz: 1, norm"))
    assert refusal(path) == f"{path}: attack.zzz is not a parameter; legal here: eps, fraction, norm, steps"


@pytest.mark.parametrize("key", ["1", "null", "true", "2020-01-01"])
def test_a_key_that_is_no_text_is_refused(tmp_path: Path, key: str) -> None:
    """YAML keys may be anything; a parameter's name is text."""
    path = put(tmp_path, GOOD.replace("{norm", f"{{{key}: 1, norm"))
    assert refusal(path).startswith(f"{path}: attack.")


def test_a_misspelt_key_of_another_stage_is_seen_too(tmp_path: Path) -> None:
    """A key that is left to another stage is legal, its misspelling is not."""
    path = put(tmp_path, GOOD.replace("steps", "stesp"))
    assert "attack.stesp is not a parameter; did you mean steps?" in refusal(path)


@pytest.mark.parametrize(
    ("left_out", "key"),
    [
        ("seed: 7\n", "seed"),
        ("eps: 0.1, ", "attack.eps"),
        (GOOD.splitlines()[-2], "attack"),
        ("sha256: null", "sha256"),
    ],
)
def test_a_missing_key_is_refused(tmp_path: Path, left_out: str, key: str) -> None:
    """There are no defaults: params.yaml has every value."""
    path = put(tmp_path, GOOD.replace(left_out, ""))
    assert refusal(path) == f"{path}: {key} is missing"


def test_the_key_of_another_stage_may_be_missing(tmp_path: Path) -> None:
    """A stage does not ask for what it does not read."""
    assert load(Record, put(tmp_path, GOOD.replace(", steps: 3", ""))).attack.eps == 0.1


def test_every_fault_has_its_line(tmp_path: Path) -> None:
    """A person mends everything at once."""
    path = put(tmp_path, given_value("seed", "-1").replace("threads: 2\n", "").replace("{norm", "{esp: 0.2, norm"))
    assert sorted(refusal(path).splitlines()) == [
        f"{path}: attack.esp is not a parameter; did you mean eps? legal here: eps, fraction, norm, steps",
        f"{path}: seed: expected greater than or equal to 0, got -1",
        f"{path}: threads is missing",
    ]


@pytest.mark.parametrize("value", ["5", "null", "[]", "text"])
def test_a_section_that_is_no_mapping_is_refused(tmp_path: Path, value: str) -> None:
    """A section is a mapping of keys."""
    path = put(tmp_path, re.sub("attack: .*", f"attack: {value}", GOOD))
    assert refusal(path).startswith(f"{path}: attack: expected a valid dictionary")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """The message names the path, and what to do."""
    path = tmp_path / "params.yaml"
    assert refusal(path) == f"{path}: no such file; run from the folder that holds it"


@pytest.mark.parametrize(
    "text",
    [
        "\tseed: 1",
        "seed: [1",
        "seed: 1\nseed",
        "a: b: c",
        "a: *b",
        "a: !!python/name:os.system",
        "a: 1\na: 2",
        b"\xff\xfe\x00",
        "\x07",
    ],
)
def test_invalid_yaml_is_refused(tmp_path: Path, text: str | bytes) -> None:
    """The message is one line that names the file."""
    path = put(tmp_path, text)
    message = refusal(path)
    assert message.startswith(f"{path}: not valid YAML: ")
    assert "\n" not in message


@pytest.mark.parametrize("value", ["2020-13-45", "0x_", "9" * 5000, "2001-12-14t21:59:43.10+99:99"])
def test_a_value_that_yaml_cannot_make_is_refused(tmp_path: Path, value: str) -> None:
    """A date, or a number, that Python has none of: PyYAML raises a plain ValueError for those."""
    path = put(tmp_path, given_value("seed", value))
    assert refusal(path).startswith(f"{path}: ")


@pytest.mark.parametrize("key", ["seed", "eps"])
def test_a_number_too_large_to_print_is_refused(tmp_path: Path, key: str) -> None:
    """Python refuses to print integers of more than 4300 digits; the message does without."""
    path = put(tmp_path, given_value(key, "0x" + "f" * 5000))
    assert f"{key}: expected" in refusal(path)


@pytest.mark.parametrize(("text", "found"), [("", "NoneType"), ("5", "int"), ("[seed, 1]", "list"), ("text", "str")])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str, found: str) -> None:
    """An empty file, a list or a single value holds no parameters."""
    path = put(tmp_path, text)
    assert refusal(path) == f"{path}: expected a mapping of parameters, got {found}"


@given(st.text("ab: {}[],-#&*!|>'\"%@\n0x_.e123?") | st.binary().map(lambda content: content.decode("latin-1")))
@settings(max_examples=200)
def test_any_other_text_is_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """A file that is no parameters file raises `InputError` and nothing else."""
    path = put(tmp_path_factory.mktemp("params"), text)
    assert refusal(path).startswith(f"{path}: ")


def record_of(stage: str) -> type[Section]:
    """Return what a stage reads from params.yaml."""
    record: type[Section] = importlib.import_module(f"stages.{stage}").Params
    return record


def leaves(kind: type[Section], *above: str) -> Iterator[tuple[str, ...]]:
    """Yield the path of every value in a record; a mapping whose keys may be left out is one value."""
    for name, field in kind.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section) and not issubclass(inner, Chosen | Detectors):
            yield from leaves(inner, *above, name)
        else:
            yield (*above, name)


def put_in(values: dict[str, Any], key: tuple[str, ...], value: object) -> dict[str, Any]:
    """Return a copy of nested mappings with another value of one key."""
    first, *rest = key
    return {**values, first: put_in(values[first], tuple(rest), value) if rest else value}


def taken(values: Any, key: tuple[str, ...]) -> Any:  # noqa: ANN401 (nested mappings or records of anything)
    """Return the value of a key in nested mappings or records."""
    for name in key:
        values = values[name] if isinstance(values, dict) else getattr(values, name)
    return values


def plain(value: object) -> object:
    """Return a value as YAML would give it."""
    if isinstance(value, Section):
        return value.model_dump(exclude_none=True)
    return [plain(part) for part in value] if isinstance(value, tuple) else value


def keys(values: dict[str, Any], *above: str) -> Iterator[tuple[str, ...]]:
    """Yield the path of every value in nested mappings."""
    for name, value in values.items():
        if isinstance(value, dict) and name not in {"attacks", "detectors"}:
            yield from keys(value, *above, name)
        else:
            yield (*above, name)


READ = [(stage, key) for stage in STAGES for key in leaves(record_of(stage))]
VALUES: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
TEXT = st.text(st.characters(codec="utf-8"))
KEYS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | TEXT
    | st.binary()
    | st.dates()
    | st.datetimes()
)
YAML_VALUES = st.recursive(
    KEYS | st.just(float("nan")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("stage", STAGES)
def test_the_parameters_in_this_repository_load(stage: str) -> None:
    """Every stage finds its keys in params.yaml, with the values that stand there."""
    record = load(record_of(stage), ROOT / "params.yaml")
    assert all(plain(taken(record, key)) == taken(VALUES, key) for key in leaves(type(record)))


def test_every_key_is_read_by_a_stage() -> None:
    """A section in params.yaml has no key that only its misspelt twin would miss."""
    assert {key for _, key in READ} == set(keys(VALUES))


@pytest.mark.parametrize("stage", STAGES)
def test_a_key_left_to_others_is_read_by_another_stage(stage: str) -> None:
    """`others` has exactly the keys that params.yaml has beside the stage's own, so that no misspelling passes."""
    for name, field in record_of(stage).model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            assert {*field.annotation.model_fields, *field.annotation.others} == set(VALUES[name])


@pytest.mark.parametrize(
    ("stage", "key"),
    [(stage, key) for stage, key in READ if key[-1] not in {"attacks", "detectors"}],
    ids=lambda part: part if isinstance(part, str) else ".".join(part),
)
def test_a_mapping_is_no_value_of_any_key(stage: str, key: tuple[str, ...]) -> None:
    """Whichever key has a value of the wrong type, the message has the key and the value."""
    with pytest.raises(InputError) as caught:
        parse(record_of(stage), put_in(VALUES, key, {"a": 1}), where="params.yaml")
    assert str(caught.value).startswith(f"params.yaml: {'.'.join(key)}: expected ")
    assert str(caught.value).endswith(", got {'a': 1}")


@given(st.sampled_from(READ), YAML_VALUES)
@settings(max_examples=300)
def test_any_value_of_any_key_loads_or_is_refused(read: tuple[str, tuple[str, ...]], value: object) -> None:
    """Whatever YAML can say is taken as it is, or refused with a line that has the key; never another error."""
    stage, key = read
    text = yaml.safe_dump(put_in(VALUES, key, value))
    try:
        record = parse(record_of(stage), yaml.safe_load(text), where="here")
    except InputError as error:
        assert str(error).startswith(f"here: {'.'.join(key)}")  # noqa: PT017 (either way is right)
    else:
        assert plain(taken(record, key)) == value
