"""Tables as CSV files."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_digits import tables
from robust_digits.errors import InputError

# Text as the csv module round-trips it on every Python: it writes \r unquoted before 3.13 and reads no NUL before 3.11.
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t"))
CELLS = st.integers() | st.floats(allow_nan=False) | TEXT


@st.composite
def contents(draw: st.DrawFn) -> tuple[list[str], list[dict[str, tables.Cell]]]:
    """Draw column names, and rows that have a cell for each."""
    columns = draw(st.lists(TEXT, min_size=1, max_size=4, unique=True))
    row = st.fixed_dictionaries(dict.fromkeys(columns, CELLS))
    return columns, draw(st.lists(row, max_size=4))


def put(folder: Path, content: str | bytes) -> Path:
    """Write a table by hand."""
    path = folder / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@given(contents())
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, content: tuple[list[str], list[dict[str, tables.Cell]]]
) -> None:
    """What is read is the text of every cell that was written, in order."""
    columns, rows = content
    path = tmp_path_factory.mktemp("table") / "table.csv"
    tables.write(path, rows, columns=columns)
    read = tables.read(path)
    assert read == [{name: str(cell) for name, cell in row.items()} for row in rows]
    assert all(list(row) == columns for row in read)


@given(st.floats(allow_nan=False))
def test_numbers_keep_every_digit(tmp_path_factory: pytest.TempPathFactory, number: float) -> None:
    """A number is read back as the very same number."""
    path = tmp_path_factory.mktemp("table") / "table.csv"
    tables.write(path, [{"loss": number}], columns=["loss"])
    assert float(tables.read(path)[0]["loss"]) == number


def test_bytes_on_disk(tmp_path: Path) -> None:
    """The header comes first, lines end in LF, columns stand in the order asked for."""
    path = tmp_path / "deep" / "table.csv"
    tables.write(path, [{"b": "x", "a": 1}, {"a": 0.5, "b": "é"}], columns=["a", "b"])
    assert path.read_bytes() == "a,b\n1,x\n0.5,é\n".encode()


@pytest.mark.parametrize("row", [{"a": 1}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "c": 3}, {}])
def test_a_row_with_other_columns_is_refused(tmp_path: Path, row: dict[str, tables.Cell]) -> None:
    """A row that lacks a column or has one too many is our fault, and the earlier table stays."""
    path = put(tmp_path, "a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"\b[abc]\b"):
        tables.write(path, [{"a": 3, "b": 4}, row], columns=["a", "b"])
    assert tables.read(path) == [{"a": "1", "b": "2"}]
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_may_have_no_rows(tmp_path: Path) -> None:
    """The header alone is a table."""
    tables.write(tmp_path / "table.csv", [], columns=["a", "b"])
    assert (tmp_path / "table.csv").read_bytes() == b"a,b\n"
    assert tables.read(tmp_path / "table.csv") == []


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    """The message names the path, and the command that makes the file."""
    with pytest.raises(InputError, match=r"none\.csv: no such file; `dvc repro`") as caught:
        tables.read(tmp_path / "none.csv")
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1,2\n3\n", "line 3: expected as many cells as the header has"),
        ("a,b\n1,2,3\n", "line 2: expected as many cells as the header has"),
        ('a,b\n1,"2\n', "not a CSV file"),
        ('a,b\n1,"2"3\n', "not a CSV file"),
        (b"a,b\n1,\xff\n", "not a CSV file"),
    ],
)
def test_a_malformed_table_is_refused(tmp_path: Path, content: str | bytes, words: str) -> None:
    """The message names the path, and the line where that is known."""
    path = put(tmp_path, content)
    with pytest.raises(InputError, match=words) as caught:
        tables.read(path)
    assert str(caught.value).startswith(str(path))


@given(st.binary() | st.text('a1,"\n\r').map(str.encode))
def test_any_bytes_are_a_table_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Reading a file that is no table raises `InputError` and nothing else."""
    path = put(tmp_path_factory.mktemp("table"), content)
    try:
        rows = tables.read(path)
    except InputError as error:
        assert str(error).startswith(str(path))  # noqa: PT017 (either way is right)
    else:
        assert all(isinstance(cell, str) for row in rows for cell in row.values())
