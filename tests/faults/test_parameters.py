"""params.yaml that is wrong, hostile or read in another dialect: one line for each mistake, and nothing is started."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import ParseError, parse_yaml
from faults.fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st
from support.scalars import SCALARS

from robust_digits.errors import InputError
from robust_digits.params import Section, check, parse, read

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "params.yaml").read_text(encoding="utf-8")
LONGEST = 1000  # characters of a line that a person reads


KINDS: list[type[Section]] = [
    import_module(f"stages.{script.stem}").Params for script in sorted((ROOT / "stages").glob("*.py"))
]  # what every stage reads


VALUES = read(ROOT / "params.yaml")


def changed(values: dict[str, Any], key: tuple[str, ...], value: object) -> dict[str, Any]:
    """Return nested mappings with another value of a key."""
    first, *rest = key
    return {**values, first: changed(values[first], tuple(rest), value) if rest else value}


def put(folder: Path, key: str, value: str) -> Path:
    """Write the project's params.yaml with another value of a key, which stands there once: its first, if several."""
    changed, count = re.subn(
        rf"^( *){key}:.*$", lambda found: f"{found[1]}{key}: {value}", TEXT, count=1, flags=re.MULTILINE
    )
    assert count == 1
    path = folder / "params.yaml"
    path.write_text(changed, encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    """Return what is said against a file, which is one short line."""
    with pytest.raises(InputError) as caught:
        check(KINDS, path)
    (line,) = str(caught.value).splitlines()
    assert len(line) < LONGEST
    return line.removeprefix(f"{path}: ")


@pytest.mark.fault("refused")
@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("threads", "1000000", "threads: expected less than or equal to 1024, got 1000000"),
        ("image_size", "1000000", "data.image_size: expected less than or equal to 1024, got 1000000"),
        ("batch_size", str(2**63), f"train.batch_size: expected less than or equal to 1000000, got {2**63}"),
        ("epochs", "1000001", "train.epochs: expected less than or equal to 1000000, got 1000001"),
        ("samples", "10000000", "detect.samples: expected less than or equal to 1000000, got 10000000"),
    ],
)
def test_a_count_that_nobody_waits_for_is_refused(tmp_path: Path, key: str, value: str, said: str) -> None:
    """A slip of the finger costs neither minutes of silence nor all memory."""
    assert refusal(put(tmp_path, key, value)).startswith(said)


@pytest.mark.fault("refused")
@pytest.mark.parametrize("value", ["'../../../../x'", "''", "'" + "0" * 63 + "'", "'" + "g" * 64 + "'"])
def test_a_checksum_is_64_digits(tmp_path: Path, value: str) -> None:
    """It names a folder of the user's cache, so that anything else would lead out of it."""
    said = refusal(put(tmp_path, "sha256", value))
    assert said == f"data.sha256: expected 64 hexadecimal digits, got {value}"


@pytest.mark.fault("refused")
def test_a_source_is_one_line(tmp_path: Path) -> None:
    """What is printed of it forges no second line; a whole file is no path."""
    said = refusal(put(tmp_path, "source", r'"a\nb"'))
    assert said == r"data.source: expected one line of text, got 'a\nb'"
    assert refusal(put(tmp_path, "source", "x" * 5000)).startswith("data.source: expected at most 4096 characters, got")


@pytest.mark.fault("refused")
def test_no_attack_is_no_evaluation() -> None:
    """The worst case over no attacks would be the accuracy on clean images."""
    kind = import_module("stages.evaluate").Params
    with pytest.raises(InputError) as caught:
        parse(kind, changed(VALUES, ("evaluate", "attacks"), {}), where="here")
    assert str(caught.value) == "here: evaluate.attacks: expected one attack at least, got {}"


BOMBS = {
    "lists": "a0: &a0 [x, x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(60)),
    "merges": "a0: &a0 {x: 1}\n" + "".join(f"a{n + 1}: &a{n + 1} {{<<: [*a{n}, *a{n}]}}\n" for n in range(60)),
    "itself": "a: &a [*a]\n",
}


@pytest.mark.fault("refused")
@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_an_alias_bomb_does_not_go_off(tmp_path: Path, bomb: str) -> None:
    """No alias is followed."""
    path = tmp_path / "params.yaml"
    path.write_text(bomb, encoding="utf-8")
    assert refusal(path).startswith("not valid YAML: write out what *a")


@pytest.mark.fault("refused")
@pytest.mark.parametrize(
    "value",
    [
        "x" * 90_000,
        ["name of a file"] * 10_000,
        {"x" * 9000: 1},
        10**5000,
        {n: [[str(n)] * 99] * 99 for n in range(99)},
    ],
    ids=["text", "list", "mapping", "number", "nested"],
)
@pytest.mark.parametrize("key", ["source", "test"])
def test_a_long_value_is_cut(key: str, value: object) -> None:
    """A message shows what was given, not all of it."""
    kind = import_module("stages.normalize").Params
    with pytest.raises(InputError) as caught:
        parse(kind, changed(VALUES, ("data", key), value), where="here")
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"here: data.{key}: expected")
    assert len(line) < LONGEST


@pytest.mark.fault("refused")
def test_a_long_list_of_mistakes_is_cut(tmp_path: Path) -> None:
    """So is the name of what is no parameter; it cannot break the line either."""
    unknown = "".join(f"  k{number}{'x' * 999}: 1\n" for number in range(60))
    path = put(tmp_path, "image_size", f'28\n  "two\\nlines": 1\n{unknown}')
    with pytest.raises(InputError) as caught:
        check(KINDS, path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[0].startswith(f"{path}: 'data.two\\nlines' is not a parameter; ")
    assert lines[-1] == f"{path}: and more"
    assert max(map(len, lines)) < LONGEST
    assert all(line.startswith(f"{path}: ") for line in lines)


@pytest.mark.fault("refused")
@pytest.mark.parametrize("text", ["a" * 100_001, "[" * 9999, "{a: " * 9999, "- " * 9999, "? " * 9999])
def test_a_file_that_would_take_minutes_is_refused(tmp_path: Path, text: str) -> None:
    """Nor does a file that is deeper than Python's stack end in a traceback."""
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    assert refusal(path).startswith("not valid YAML: ")


def as_dvc_does(text: str) -> object:
    """Return what DVC makes of a file, and None where it makes no mapping of it."""
    try:
        found = parse_yaml(text, "params.yaml")
    except (ParseError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return found if isinstance(found, dict) and found else None


@pytest.mark.parametrize("value", SCALARS)
def test_the_dialect_is_that_of_dvc(tmp_path: Path, value: str) -> None:
    """DVC decides by its own reading whether a parameter changed: ours is the same, YAML 1.2."""
    text = f"seed: {value}\n"
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        ours: object = read(path)
    except InputError:
        ours = None
    assert repr(ours) == repr(as_dvc_does(text))


ALPHABET = st.text("ab1: {}[],-#!|>'\"%@\n0x_.e~?\t", max_size=40)
LINE = st.tuples(st.sampled_from(["a", "seed", "- b", "  c"]), st.sampled_from(SCALARS) | ALPHABET)


def lines(parts: list[tuple[str, str]]) -> str:
    """Return a file of keys and values."""
    return "".join(f"{key}: {value}\n" for key, value in parts)


@pytest.mark.fault("refused")
@examples(1200)
@given(
    ALPHABET
    | st.lists(LINE, max_size=4).map(lines)
    | st.binary(max_size=60).map(lambda content: content.decode("latin-1"))
)
def test_any_text_is_read_as_dvc_reads_it_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """A mapping is DVC's, everything else is one line."""
    path = tmp_path_factory.getbasetemp() / "params.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    try:
        ours = read(path)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 (either way is right)
        assert len(str(error)) < LONGEST  # noqa: PT017 (either way is right)
    else:
        assert repr(ours or None) == repr(as_dvc_does(text))


def leaves(values: dict[str, Any], *above: str) -> Iterator[tuple[str, ...]]:
    """Yield the path of every value and mapping below."""
    for name, value in values.items():
        yield (*above, name)
        if isinstance(value, dict):
            yield from leaves(value, *above, name)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.dates() | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9) | st.integers(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.fault("refused")
@examples(1200)
@given(st.sampled_from(sorted(leaves(VALUES))), ANY, st.data())
def test_any_value_of_any_key_is_taken_or_refused(key: tuple[str, ...], value: object, data: st.DataObject) -> None:
    """Whatever YAML can say, each stage has its record or a line for each mistake, which has the key."""
    values = changed(VALUES, key, value)
    kind = data.draw(st.sampled_from([each for each in KINDS if key[0] in each.model_fields]))
    try:
        parse(kind, values, where="here")
    except InputError as error:
        for line in str(error).splitlines():
            assert re.match(f"here: ['\"]?{key[0]}", line)
            assert len(line) < LONGEST
