"""CSV files with the label first, and scikit-learn's digits, which have it last."""

import gzip
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support.formats import (
    ONE_FILE,
    TRAIN,
    TRAIN_Y,
    Bytes,
    Files,
    assert_is,
    csv,
    gz,
    header,
    put,
    refusal,
    with_contrast,
)

from robust_digits.arrays import numbers
from robust_digits.data import formats
from robust_digits.errors import InputError


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 5), *[st.shared(st.integers(1, 4), key="side")] * 2)),
    st.sampled_from(sorted(ONE_FILE)),
    st.data(),
)
def test_csv_round_trip(
    tmp_path_factory: pytest.TempPathFactory, pixels: Bytes, layout: str, data: st.DataObject
) -> None:
    """Square images of any size and pixels come out as they went in."""
    assume(pixels.size > 1)
    pixels = with_contrast(pixels)
    labels = data.draw(hnp.arrays(np.uint8, len(pixels)))
    folder = put(tmp_path_factory.mktemp("raw"), ONE_FILE[layout](csv(pixels, labels)))
    assert_is(formats.read(folder, size=4), pixels, labels, None, None)


@pytest.mark.parametrize("first", [csv(TRAIN, TRAIN_Y), header(csv(TRAIN, TRAIN_Y))], ids=["numbers", "header"])
@pytest.mark.parametrize("compress", [lambda files: files, gz], ids=["plain", "gz"])
def test_a_byte_order_mark_is_skipped(tmp_path: Path, first: bytes, compress: Callable[[Files], Files]) -> None:
    """Spreadsheets begin a UTF-8 file with one; it does not make a header of the first image."""
    put(tmp_path, compress({"digits.csv": b"\xef\xbb\xbf" + first}))
    assert_is(formats.read(tmp_path, size=4), TRAIN, TRAIN_Y, None, None)


NO_CSV = {
    "empty": ("", "expected"),
    "blank lines": ("\n\n", "expected"),
    "a header alone": ("label,a,b,c,d\n", "expected"),
    "text": ("label,a,b,c,d\n5,1,x,3,4\n", "expected lines of whole numbers separated by commas"),
    "text in the first line": ("5,1,x,3,4\n5,1,2,3,4\n", "expected lines of whole numbers separated by commas"),
    "text for the first label": ("x5,1,2,3,4\n5,1,2,3,4\n", "expected lines of whole numbers separated by commas"),
    "a cell without a number": ("5,1,2,3,4\n5,1,,3,4\n", "expected lines of whole numbers separated by commas"),
    "a first cell without one": ("5,,2,3,4\n5,1,2,3,4\n", "expected lines of whole numbers separated by commas"),
    "fractions": ("label,a,b,c,d\n5,0.5,1,1,1\n", "expected lines of whole numbers separated by commas"),
    "fractions at first": ("5,0.5,1,1,1\n5,1,2,3,4\n", "expected lines of whole numbers separated by commas"),
    "exponents": ("5,1,2,3,4\n5,1e2,2,3,4\n", "expected lines of whole numbers separated by commas"),
    "more than 64 bits": ("99999999999999999999,1,2,3,4\n", "expected lines of whole numbers separated by commas"),
    "semicolons": ("5;1;2;3;4\n6;1;2;3;4\n", "expected"),
    "a ragged line": ("5,1,2,3,4\n5,1,2,3\n", "expected lines of whole numbers separated by commas"),
    "two header lines": ("a,b,c,d,e\na,b,c,d,e\n5,1,2,3,4\n", "expected lines of whole numbers separated by commas"),
    "a label alone": ("5\n", "expected a label and a square number of pixels a line, got 0 pixels"),
    "no square": ("5,1,2,3\n", "expected a label and a square number of pixels a line, got 3 pixels"),
    "a negative pixel": ("5,1,-2,3,4\n", "expected whole pixel values in 0...255, got -2 to 4"),
    "a pixel above 255": ("5,1,256,3,4\n", "expected whole pixel values in 0...255, got 1 to 256"),
}


@pytest.mark.parametrize("compress", [lambda files: files, gz], ids=["plain", "gz"])
@pytest.mark.parametrize(("text", "words"), NO_CSV.values(), ids=NO_CSV)
def test_a_broken_table_is_refused(tmp_path: Path, text: str, words: str, compress: Callable[[Files], Files]) -> None:
    """The message has the file, what was expected and what was found; no line is dropped, no number rounded."""
    files = compress({"digits.csv": text.encode()})
    message = refusal(put(tmp_path, files))
    assert message.startswith(f"{tmp_path / next(iter(files))}: {words}")
    assert "\n" not in message


@pytest.mark.parametrize(
    "content", [b"5,1,2,3,\xff\n", b"label\xff,a\n5,1\n", b"5,1,2,3,4\n5,1,2,3,\xff\n", b"\xff\xfe5\0"]
)
def test_a_table_of_other_bytes_than_text_is_refused(tmp_path: Path, content: bytes) -> None:
    """A table is UTF-8; the message has the file."""
    message = refusal(put(tmp_path, {"digits.csv": content}))
    assert message.startswith(f"{tmp_path / 'digits.csv'}: expected lines of whole numbers separated by commas: ")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["one.csv", "two.csv"], "expected one .csv file with train in its name, got none"),
        (["train.csv", "two.csv"], "expected one .csv file with test in its name, got none"),
        (["train.csv", "train2.csv", "test.csv"], "expected one .csv file with train in its name, got "),
    ],
)
def test_tables_whose_part_is_not_in_their_name_are_refused(tmp_path: Path, names: list[str], words: str) -> None:
    """The message says which name is missing or there twice, and in which folder."""
    message = refusal(put(tmp_path, dict.fromkeys(names, csv(TRAIN, TRAIN_Y))))
    assert words in message
    assert str(tmp_path) in message


def digits(folder: Path, lines: str) -> Path:
    """Write a file as scikit-learn keeps its digits."""
    path = folder / "digits.csv.gz"
    path.write_bytes(gzip.compress(lines.encode()))
    return path


def test_the_digits_have_their_label_last(tmp_path: Path) -> None:
    """16 is white, the last number of a line is the label, and nobody split the set."""
    lines = [",".join(map(str, [*range(16), 16, *[0] * 47, label])) for label in (7, 0)]
    split = formats.read_digits(digits(tmp_path, "\n".join(lines)))
    assert split.test is None
    assert split.train.labels.tolist() == [7, 0]
    assert split.train.images.shape == (2, 8, 8, 1)
    assert (split.train.images[1].ravel() * 16).tolist() == [*range(16), 16, *[0] * 47]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("header", [b"", b"label,a,b,c,d"])
def test_long_tables_are_read_in_parts(
    tmp_path: Path, header: bytes, end: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines are read a few at a time, whatever ends them; empty ones and comments are no images, wherever they are."""
    monkeypatch.setattr(numbers, "_PART", 20)
    lines = [
        b"1,0,0,0,255",
        b"",
        b"2,255,0,0,0",
        b"",
        b"# a long comment by itself",
        b"3,0,255,0,0",
        b"4,0,0,255,0 # 4",
    ]
    first = [header] if header and end != b"\r" else []
    content = end.join([*first, *lines, b"", b"# the end", b"", b""])
    split = formats.read(put(tmp_path, {"digits.csv": content}), size=2)
    assert split.train.labels.tolist() == [1, 2, 3, 4]
    assert split.train.images.reshape(4, 4).argmax(axis=1).tolist() == [3, 0, 1, 2]


def test_no_line_is_lost_whose_end_is_of_another_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table may have been put together from several, of old machines and new ones."""
    monkeypatch.setattr(numbers, "_PART", 1)
    split = formats.read(put(tmp_path, {"digits.csv": b"1,0,0,0,255\n2,0,255,0,0\r3,0,0,0,255\r\n4,0,0,9,0"}), size=2)
    assert split.train.labels.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (b"2,0,0,0,0,0,0,0,0,255", "the number of columns changed from 5 to 10"),
        (b"2,0,x,0,0", "at row 0, column 3., counted behind line 1"),
    ],
)
def test_a_table_is_one_whatever_is_read_at_a_time(
    tmp_path: Path, second: bytes, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line says where it is not, and leaves the warnings of the process as they were."""
    monkeypatch.setattr(numbers, "_PART", 1)
    filters = list(warnings.filters)
    assert says in refusal(put(tmp_path, {"digits.csv": b"1,0,0,0,255\n" + second}))
    assert warnings.filters == filters


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (",".join(["17"] + ["0"] * 64), "expected whole pixel values in 0...16, got 0 to 17"),
        (",".join(["0"] * 64), "expected"),
        (",".join(["0"] * 33), "expected"),
        (",".join(["0"] * 129), "expected"),
        ("text", "expected"),
        ("", "expected"),
    ],
    ids=["pixel 17", "63 pixels", "32 pixels", "128 pixels", "text", "empty"],
)
@pytest.mark.parametrize("times", [1, 2])
def test_other_digits_are_refused(tmp_path: Path, line: str, words: str, times: int) -> None:
    """The message has the file and what was expected; lines are not cut up or joined to make images."""
    path = digits(tmp_path, f"{line}\n" * times)
    with pytest.raises(InputError) as caught:
        formats.read_digits(path)
    assert str(caught.value).startswith(f"{path}: {words}")
