"""Mappings and tables are read out of a revision, or refused in a line that names file and revision."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scalars import SCALARS

from robust_digits import params
from robust_digits.errors import InputError
from robust_digits.history import documents
from robust_digits.history.revisions import Revision


def holding(content: bytes) -> Revision:
    """Return a revision with one file."""
    return Revision("0123456789abcdef", {"file": content})


@pytest.mark.parametrize("content", [b"- 1", b"", b"a: [", b"!!python/object:os.system {}", b"a: 1\n\tb"])
def test_what_is_no_mapping(content: bytes) -> None:
    """A file that holds no mapping, or an object of Python, is refused in one line."""
    with pytest.raises(InputError, match=r"^file in 0123456789ab: [^\n]+$"):
        documents.mapping(holding(content), "file")


def refusal(read: Callable[[Revision, str], object], content: bytes) -> str:
    """Return why a file is refused; nothing if it is read. Any other exception is a fault."""
    try:
        read(holding(content), "file")
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("value", ["!!map x", "!!int ''", "!!bool x", "!!timestamp x", "!!float ''"])
def test_a_value_that_is_not_of_its_tag(value: str) -> None:
    """A tag that is written out, and a value that is none of it, are one line too."""
    with pytest.raises(InputError, match=r"^file in 0123456789ab: not valid YAML: [^\n]+$"):
        documents.mapping(holding(f"a: {value}".encode()), "file")


def test_a_key_that_stands_twice() -> None:
    """DVC refuses it, and so does whoever reads what DVC has read; a mapping may take in another one."""
    assert "a key stands twice in a mapping" in refusal(documents.mapping, b"a: {x: 1, y: 2, x: 3}")
    assert "expected a mapping node, but found scalar" in refusal(documents.mapping, b"a: !!map x")
    merged = b"a: &a {x: 1}\nb: {deep: &b {<<: *a, x: 2}}\nc: {<<: *b}"
    assert documents.mapping(holding(merged), "file") == {"a": {"x": 1}, "b": {"deep": {"x": 2}}, "c": {"x": 2}}


def understood(read: Callable[[], object]) -> str:
    """Return what is made of a file, as Python writes it; nothing if it is refused."""
    try:
        return repr(read())
    except InputError:
        return ""


@pytest.mark.parametrize("value", SCALARS)
def test_the_dialect_is_that_of_the_parameters(value: str, tmp_path: Path) -> None:
    """Parameters of a revision are those that stages read and that DVC locked: YAML 1.2, where 1e-3 is a number."""
    path = tmp_path / "params.yaml"
    path.write_text(f"seed: {value}\n", encoding="utf-8")
    here = holding(path.read_bytes())
    assert understood(lambda: documents.mapping(here, "file")) == understood(lambda: params.read(path))


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """Whatever a file holds, reading it ends in a value or in an InputError that names the file."""
    for read in (documents.mapping, documents.rows, lambda revision, path: documents.numbers(revision, path, "a")):
        assert refusal(read, content)[:20] in {"file in 0123456789ab", ""}


def test_flat_names() -> None:
    """Values get full names; a list and an empty mapping are values."""
    values = {"seed": 0, "a": {"b": {"c": [1, {"d": 2}]}, "e": {}}}
    assert dict(documents.flat(values)) == {"seed": 0, "a.b.c": [1, {"d": 2}], "a.e": {}}


def test_rows() -> None:
    """A table without rows is one; rows of another width, and no header, are refused."""
    assert documents.rows(holding(b"eps,accuracy\n0.0,0.9\n"), "file") == [{"eps": "0.0", "accuracy": "0.9"}]
    assert documents.rows(holding(b"eps,accuracy\n"), "file") == []
    for content in (b"", b"a,b\n1\n", b"a\n1,2\n"):
        with pytest.raises(InputError, match="expected a header and rows of as many cells"):
            documents.rows(holding(content), "file")


def test_a_cell_that_is_too_long() -> None:
    """Python's reader gives up at a cell that no table of results has; that is one line too."""
    content = b"eps\n" + b"1" * (csv.field_size_limit() + 1)
    with pytest.raises(InputError, match=r"^file in 0123456789ab: not a table: field larger than field limit[^\n]+$"):
        documents.rows(holding(content), "file")


def test_numbers() -> None:
    """Columns come as numbers in the order asked for; a missing column and a word are refused."""
    revision = holding(b"eps,accuracy\n0.5,1\n")
    assert documents.numbers(revision, "file", "accuracy", "eps") == [(1.0, 0.5)]
    for column, content in (("size", b"eps\n1\n"), ("eps", b"eps\nmuch\n")):
        with pytest.raises(InputError, match=f"expected numbers in {column}"):
            documents.numbers(holding(content), "file", column)
