"""What a folder holds is told by names alone: one data set, or a refusal in one line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.formats import put

from robust_digits.data import contents
from robust_digits.errors import InputError

KNOWN = {  # names, the kind of data set, and the files that are read
    "npz": (["mine.npz", "notes.txt"], "npz", ["mine.npz"]),
    "idx": (["a-ubyte", "b-ubyte.gz", "c.idx"], "idx", ["a-ubyte", "b-ubyte.gz", "c.idx"]),
    "csv": (["b.csv", "a.csv.gz"], "csv", ["a.csv.gz", "b.csv"]),
    "parquet": (["README.md", "train-0.parquet"], "parquet", ["train-0.parquet"]),
    "cifar": (
        ["test_batch.bin", "data_batch_1.bin", "batches.meta.txt"],
        "cifar",
        ["data_batch_1.bin", "test_batch.bin"],
    ),
    "classes": (
        ["cat/1.png", "cat/2.JPEG", "dog/1.jpg", "LICENSE"],
        "pictures",
        ["cat/1.png", "cat/2.JPEG", "dog/1.jpg"],
    ),
    "two parts": (
        ["train/a/1.png", "test/a/1.png", "val/a/1.png", "a/1.txt"],
        "pictures",
        ["test/a/1.png", "train/a/1.png"],
    ),
    "classes called train and test": (["train/1.png", "test/1.png"], "pictures", ["test/1.png", "train/1.png"]),
    "hidden": (["a/1.png", "b/1.png", ".git/x.npz", "a/.cache", "a/Thumbs.db"], "pictures", ["a/1.png", "b/1.png"]),
}


@pytest.mark.parametrize(("names", "kind", "read"), KNOWN.values(), ids=KNOWN)
@pytest.mark.parametrize("around", ["", "pets"])
def test_a_data_set_is_known_by_its_names(names: list[str], kind: str, read: list[str], around: str) -> None:
    """The files that are read come sorted, whatever is beside them, and whatever one folder is around everything."""
    found = contents.recognize([f"{around}/{name}".lstrip("/") for name in reversed(names)], where="here")
    assert found == contents.Contents(kind, around, tuple(read))


@pytest.mark.parametrize(("names", "kind", "read"), KNOWN.values(), ids=KNOWN)
def test_a_folder_is_known_by_its_files(tmp_path: Path, names: list[str], kind: str, read: list[str]) -> None:
    """A folder on the disk is what the names of its files say."""
    put(tmp_path, dict.fromkeys(names, b""))
    found = contents.inside(tmp_path)
    assert found.kind == kind
    assert found.files(tmp_path) == [tmp_path / name for name in read]


UNKNOWN = {
    "nothing": ([], "got nothing"),
    "images without a class": (["1.png", "2.png"], "got 1.png, 2.png"),
    "other images": (["a/1.gif", "b/1.tif"], "got a/, b/"),
    "an archive": (["mine.zip", "notes.txt"], "got mine.zip, notes.txt"),
    "a file in a class": (["a/1.png", "a/1.txt", "b/1.png"], "and nothing else there, got a/1.txt"),
    "a folder in a class": (["a/1.png", "a/x/1.png", "b/1.png"], "and nothing else there, got a/x/1.png"),
    "a file in a part": (["train/a/1.png", "test/a/1.png", "train/x.png"], "and nothing else there, got train/x.png"),
    "two kinds": (["mine.npz", "a.csv"], "expected one data set, got mine.npz and a.csv; leave one of them there"),
    "a table and images": (["a.csv", "a/1.png", "b/1.png"], "expected one data set, got a.csv and a/1.png"),
}


@pytest.mark.parametrize(("names", "words"), UNKNOWN.values(), ids=UNKNOWN)
def test_other_names_are_refused(names: list[str], words: str) -> None:
    """The message says where, what was expected and what is there; nothing is left out silently."""
    with pytest.raises(InputError) as caught:
        contents.recognize(names, where="here")
    assert str(caught.value).startswith("here: expected ")
    assert words in str(caught.value)


PARTS = st.sampled_from(["train", "test", "a", "b", ".x", "1.png", "2.JPG", "a.csv", "b.npz", "c.txt", "-ubyte"])


@given(st.lists(st.lists(PARTS, min_size=1, max_size=4).map("/".join), max_size=6))
def test_any_names_are_one_data_set_or_refused(names: list[str]) -> None:
    """Whatever there is, the result is names that were given, none of them hidden, or an `InputError` of one line."""
    try:
        found = contents.recognize(names, where="here")
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 (either way is right)
    else:
        full = {f"{found.around}/{name}".lstrip("/") for name in found.names}
        assert full <= set(names)
        assert full
        assert not any("/.x" in f"/{name}" for name in full)
