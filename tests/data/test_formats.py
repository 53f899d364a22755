"""Every format gives the same images, or is refused in one line."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.formats import (
    ONE_FILE,
    TEST,
    TEST_Y,
    TRAIN,
    TRAIN_Y,
    Bytes,
    Files,
    as_cifar,
    as_csv,
    as_idx,
    as_npz,
    assert_is,
    csv,
    gz,
    header,
    put,
    random_digits,
    refusal,
)

from robust_digits.data import contents, formats, images
from robust_digits.errors import InputError

LAYOUTS: dict[str, Callable[[Bytes, Bytes, Bytes, Bytes], Files]] = {
    "npz": as_npz,
    "idx": as_idx,
    "idx.gz": lambda *arrays: gz(as_idx(*arrays)),
    "dot idx": lambda *arrays: {name.replace("-ubyte", ".idx"): file for name, file in as_idx(*arrays).items()},
    "test for t10k": lambda *arrays: {name.replace("t10k", "test"): file for name, file in as_idx(*arrays).items()},
    "csv": as_csv,
    "csv.gz": lambda *arrays: gz(as_csv(*arrays)),
    "csv with headers": lambda *arrays: {name: header(file) for name, file in as_csv(*arrays).items()},
    "crlf": lambda *arrays: {name: file.replace(b"\n", b"\r\n") for name, file in as_csv(*arrays).items()},
}


def read_or_refuse(folder: Path) -> None:
    """Read the files in a folder: the result is right, or an `InputError` of one line that has the folder."""
    try:
        split = formats.read(folder, size=4)
    except InputError as error:
        assert str(folder) in str(error)  # noqa: PT017 (either way is right)
        assert "\n" not in str(error)  # noqa: PT017 (either way is right)
    else:
        for part in (split.train, split.test):
            if part is not None:
                images.check(part, where="part")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_format_gives_the_same_images(tmp_path: Path, layout: str) -> None:
    """Pixel 255 becomes 1.0 and labels stay, whatever the files are."""
    put(tmp_path, LAYOUTS[layout](TRAIN, TRAIN_Y, TEST, TEST_Y))
    assert_is(formats.read(tmp_path, size=4), TRAIN, TRAIN_Y, TEST, TEST_Y)


@pytest.mark.parametrize("layout", ONE_FILE)
def test_one_table_is_a_set_that_nobody_split(tmp_path: Path, layout: str) -> None:
    """A single CSV file has no test images; no line of it is lost, and none but names is taken for a header."""
    put(tmp_path, ONE_FILE[layout](csv(TRAIN, TRAIN_Y)))
    assert_is(formats.read(tmp_path, size=4), TRAIN, TRAIN_Y, None, None)


def test_black_and_white_are_zero_and_one(tmp_path: Path) -> None:
    """The ends of the range are exact."""
    pixels = np.array([0, 255], np.uint8).reshape(2, 1, 1)
    put(tmp_path, as_idx(pixels, TRAIN_Y[:2], TEST, TEST_Y))
    assert formats.read(tmp_path, size=4).train.images.ravel().tolist() == [0, 1]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_label_too_few_is_refused(tmp_path: Path, layout: str) -> None:
    """Images and labels that disagree in number are refused, in the test part too."""
    if "csv" in layout or layout == "crlf":
        files = LAYOUTS[layout](TRAIN, TRAIN_Y, TEST, TEST_Y)
        name = next(name for name in files if "test" in name)
        text = gzip.decompress(files[name]) if name.endswith(".gz") else files[name]
        text = text.rstrip()[: text.rstrip().rindex(b",")] + b"\n"
        files[name] = gzip.compress(text) if name.endswith(".gz") else text
        words = "expected lines of whole numbers separated by commas"
    else:
        files = LAYOUTS[layout](TRAIN, TRAIN_Y, TEST, TEST_Y[:-1])
        words = "expected a label for each image, got 4 images and 3 labels"
    message = refusal(put(tmp_path, files))
    assert words in message
    assert str(tmp_path) in message


def test_cifar_gives_the_same_images(tmp_path: Path) -> None:
    """The files of training images follow one another; a label and three planes of colour are an image."""
    train, train_y = random_digits(6, 32, 32, 3, seed=0)
    test, test_y = random_digits(4, 32, 32, 3, seed=1)
    put(tmp_path, as_cifar(train, train_y, test, test_y))
    assert_is(formats.read(tmp_path, size=4), train, train_y, test, test_y)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {"data_batch_1.bin": b"\0" * 3073, "test_batch.bin": b"\0" * 3072},
            "expected 3073 bytes an image, got 3072 in",
        ),
        ({"data_batch_1.bin": b"", "test_batch.bin": b"\0" * 3073}, "expected 3073 bytes an image, got 0 in all"),
        ({"test_batch.bin": b"\0" * 3073}, "expected data_batch_1.bin and more, got test_batch.bin alone"),
        ({"data_batch_1.bin": b"\0" * 3073}, "expected test_batch.bin, got none among data_batch_1.bin"),
    ],
    ids=["truncated", "empty", "no training images", "no test images"],
)
def test_a_broken_cifar_is_refused(tmp_path: Path, files: Files, words: str) -> None:
    """The message says where, what was expected and what was found."""
    message = refusal(put(tmp_path, files))
    assert message.startswith(str(tmp_path))
    assert words in message


@pytest.mark.parametrize("files", [{}, {"notes.txt": b"", "x.png": b""}, {"digits.npz.part": b""}])
def test_a_folder_of_nothing_known_is_refused(tmp_path: Path, files: Files) -> None:
    """The message says which files would do, and which were found."""
    (tmp_path / "digits.npz").mkdir()
    assert refusal(put(tmp_path, files)) == (
        f"{tmp_path}: expected {contents.EXPECTED}, got {', '.join(sorted(files)) or 'nothing'}"
    )


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """A folder that is not there holds nothing."""
    assert refusal(tmp_path / "none").endswith("got nothing")


ENDINGS = (".npz", ".npz.gz", "-ubyte", "-ubyte.gz", ".idx", ".csv", ".csv.gz", ".idx.gz")


HEADS = (b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x1f\x8b\x08\x00", b"\0\0\x08\x03", b"\0\0\x08\x01", b"1,2\n")


@given(st.sampled_from(ENDINGS), st.sampled_from(HEADS), st.binary())
@settings(max_examples=200)
def test_any_bytes_are_refused(
    tmp_path_factory: pytest.TempPathFactory, ending: str, head: bytes, content: bytes
) -> None:
    """A file of another kind under a known name raises `InputError` and nothing else, or is read."""
    names = [f"{name}{ending}" for name in ("train-images", "train-labels", "test-images", "test-labels")]
    files = dict.fromkeys(names if "ubyte" in ending or "idx" in ending else ["digits" + ending], head + content)
    read_or_refuse(put(tmp_path_factory.mktemp("raw"), files))


@given(st.text('0123456789,-+.eE #"a²\n\r\0_', min_size=1))
@settings(max_examples=300)
def test_any_text_is_a_table_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """A file that is nearly a table raises `InputError` and nothing else, or is read."""
    read_or_refuse(put(tmp_path_factory.mktemp("raw"), {"digits.csv": text.encode()}))


@pytest.mark.parametrize("layout", ["npz", "idx", "idx.gz", "csv.gz"])
@given(st.data())
@settings(max_examples=150)
def test_a_damaged_byte_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, layout: str, data: st.DataObject
) -> None:
    """Any one byte may be wrong: `InputError` and nothing else, or pixels and labels that are legal."""
    files = LAYOUTS[layout](TRAIN, TRAIN_Y, TEST, TEST_Y)
    name = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[name])
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(put(tmp_path_factory.mktemp("raw"), {**files, name: bytes(content)}))


@pytest.mark.parametrize("layout", ["npz", "idx", "idx.gz", "csv.gz"])
@given(st.data())
def test_a_truncated_file_is_refused(
    tmp_path_factory: pytest.TempPathFactory, layout: str, data: st.DataObject
) -> None:
    """Wherever a file was cut, `InputError` is raised, nothing else, and never are fewer images returned."""
    files = LAYOUTS[layout](TRAIN, TRAIN_Y, TEST, TEST_Y)
    name = data.draw(st.sampled_from(sorted(files)))
    cut = files[name][: data.draw(st.integers(0, len(files[name]) - 1))]
    folder = put(tmp_path_factory.mktemp("raw"), {**files, name: cut})
    assert str(folder) in refusal(folder)
