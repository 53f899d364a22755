"""The labelled image set: what it promises, saving and loading it."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from robust_digits.data import images
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError


def random_set(count: int, *, size: int = 3, channels: int = 1, seed: int = 0) -> ImageSet:
    """Return images with random pixels and labels."""
    random = np.random.default_rng(seed)
    pixels = random.random((count, size, size, channels), np.float32)
    return ImageSet(pixels, random.integers(0, 10, count))


def assert_equal(one: ImageSet, other: ImageSet) -> None:
    """Hold that two sets have the same images and labels, in the same order."""
    np.testing.assert_array_equal(one.images, other.images)
    np.testing.assert_array_equal(one.labels, other.labels)


def content(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file in a folder."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_round_trip(tmp_path: Path) -> None:
    """A set is loaded as it was saved."""
    whole = random_set(5, channels=3)
    images.save(tmp_path / "set", [whole], count=5)
    assert_equal(images.load(tmp_path / "set"), whole)


def test_a_set_is_two_plain_arrays(tmp_path: Path) -> None:
    """Any program that reads .npy opens images.npy, float32, and labels.npy, int64, and `sha256sum` checks them."""
    whole = random_set(5)
    images.save(tmp_path / "set", [whole], count=5)
    found = content(tmp_path / "set")
    sums = "".join(f"{hashlib.sha256(found[name]).hexdigest()}  {name}\n" for name in ("images.npy", "labels.npy"))
    assert sorted(found) == ["SHA256SUMS", "images.npy", "labels.npy"]
    assert found["SHA256SUMS"].decode() == sums
    for name, array in (("images.npy", whole.images), ("labels.npy", whole.labels)):
        plain = io.BytesIO()
        np.save(plain, array)
        assert found[name] == plain.getvalue()
    pixels, labels = (np.load(tmp_path / "set" / f"{name}.npy", allow_pickle=False) for name in ("images", "labels"))
    assert (pixels.dtype, pixels.shape) == (np.float32, (5, 3, 3, 1))
    assert (labels.dtype, labels.shape) == (np.int64, (5,))


def test_loading_reads_no_pixels_into_memory(tmp_path: Path) -> None:
    """The arrays are memory maps that cannot be written to."""
    images.save(tmp_path, [random_set(5)], count=5)
    loaded = images.load(tmp_path)
    for array in (loaded.images, loaded.labels):
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable


def test_parts_are_written_one_after_another(tmp_path: Path) -> None:
    """A part is on its way to disk before the next one is made: the parts may share one piece of memory."""
    whole = random_set(7)
    shared = ImageSet(np.empty((2, 3, 3, 1), np.float32), np.empty(2, np.int64))

    def parts() -> Iterator[ImageSet]:
        for part in whole.batches(2):
            shared.images[: len(part)], shared.labels[: len(part)] = part.images, part.labels
            yield shared[: len(part)]

    images.save(tmp_path / "set", parts(), count=7)
    assert_equal(images.load(tmp_path / "set"), whole)


def test_the_same_set_gives_the_same_bytes(tmp_path: Path) -> None:
    """Neither the time nor how the set was cut into parts shows in the files."""
    whole = random_set(7)
    for name, size in {"one": 7, "other": 3}.items():
        images.save(tmp_path / name, whole.batches(size), count=7)
    assert content(tmp_path / "one") == content(tmp_path / "other")


def test_a_set_may_be_saved_over_itself(tmp_path: Path) -> None:
    """What is being read is replaced when all of it is written."""
    whole = random_set(6)
    images.save(tmp_path / "set", [whole], count=6)
    images.save(tmp_path / "set", [images.load(tmp_path / "set")[2:]], count=4)
    assert_equal(images.load(tmp_path / "set"), whole[2:])


def broken(*, pixel: float | None = None, **changed: NDArray[Any]) -> ImageSet:
    """Return a good set with one array, or the very last pixel, changed."""
    good = random_set(5)
    if pixel is not None:
        good.images[-1, -1, -1, -1] = pixel
    return ImageSet(**{**vars(good), **changed})


BROKEN = {
    "images of bytes": (
        broken(images=np.zeros((5, 3, 3, 1), np.uint8)),
        "expected images as float32 of shape (n, height, width, channels), got uint8 of shape (5, 3, 3, 1)",
    ),
    "images of double precision": (broken(images=np.zeros((5, 3, 3, 1))), "got float64 of shape (5, 3, 3, 1)"),
    "images of another byte order": (broken(images=np.zeros((5, 3, 3, 1), ">f4")), "got >f4 of shape (5, 3, 3, 1)"),
    "no channel axis": (broken(images=np.zeros((5, 3, 3), np.float32)), "got float32 of shape (5, 3, 3)"),
    "labels of 32 bits": (
        broken(labels=np.zeros(5, np.int32)),
        "expected labels as int64 of shape (n,), got int32 of shape (5,)",
    ),
    "labels as floats": (broken(labels=np.zeros(5)), "got float64 of shape (5,)"),
    "labels one-hot": (broken(labels=np.zeros((5, 10), np.int64)), "got int64 of shape (5, 10)"),
    "a label too few": (
        broken(labels=np.zeros(4, np.int64)),
        "expected a label for each image, got 5 images and 4 labels",
    ),
    "no images": (random_set(5)[:0], "expected one image at least, got shape (0, 3, 3, 1)"),
    "no pixels": (
        broken(images=np.zeros((5, 0, 0, 1), np.float32)),
        "expected one image at least, got shape (5, 0, 0, 1)",
    ),
    "a negative label": (broken(labels=np.array([0, 1, 2, 3, -1])), "expected labels in 0...99999, got -1 to 3"),
    "a label of no class": (
        broken(labels=np.array([0, 1, 2, 3, 2**40])),
        "expected labels in 0...99999, got 0 to 10995",
    ),
    "a negative pixel": (broken(pixel=-0.5), "expected finite pixel values in [0, 1], got -0.5 to "),
    "a pixel above one": (broken(pixel=255), " to 255"),
    "a pixel just above one": (broken(pixel=1.001), " to 1.001"),
    "an infinite pixel": (broken(pixel=np.inf), " to inf"),
    "a pixel that is no number": (broken(pixel=np.nan), "got nan to nan"),
}
broken_sets = pytest.mark.parametrize(("arrays", "words"), BROKEN.values(), ids=BROKEN)


@broken_sets
def test_what_is_no_image_set_is_refused(arrays: ImageSet, words: str) -> None:
    """The message says where, what was expected and what was found."""
    with pytest.raises(InputError) as caught:
        images.check(arrays, where="here")
    assert str(caught.value).startswith("here: expected ")
    assert words in str(caught.value)


def test_every_image_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last image of a set that is checked in several pieces counts as the first one does."""
    monkeypatch.setattr(images, "CHUNK", 2)
    with pytest.raises(InputError, match="got nan to nan"):
        images.check(broken(pixel=np.nan), where="here")


@pytest.mark.parametrize("pixel", [0, 1])
def test_black_and_white_are_legal(pixel: float) -> None:
    """Both ends of [0, 1] belong to it."""
    images.check(broken(pixel=pixel), where="here")


@broken_sets
def test_a_broken_part_is_not_saved(tmp_path: Path, arrays: ImageSet, words: str) -> None:
    """The message has the folder; the earlier set is left as it was, byte for byte, with nothing beside it."""
    folder = tmp_path / "set"
    images.save(folder, [random_set(2, seed=1)], count=2)
    earlier = content(folder)
    with pytest.raises(InputError) as caught:
        images.save(folder, [random_set(3), arrays], count=3 + len(arrays))
    assert str(caught.value).startswith(f"{folder}: expected ")
    assert words in str(caught.value)
    assert content(folder) == earlier
    assert list(tmp_path.iterdir()) == [folder]


@broken_sets
def test_a_broken_folder_is_not_loaded(tmp_path: Path, arrays: ImageSet, words: str) -> None:
    """What another program wrote is checked as our own; the message has the folder."""
    np.save(tmp_path / "images.npy", arrays.images)
    np.save(tmp_path / "labels.npy", arrays.labels)
    with pytest.raises(InputError) as caught:
        images.load(tmp_path)
    assert str(caught.value).startswith(str(tmp_path))
    assert words in str(caught.value) or "not a readable .npy array" in str(caught.value)


@pytest.mark.parametrize(
    ("sizes", "count", "words"),
    [
        ([3, 2], 6, "expected 6 images (one at least), got 5"),
        ([3, 2], 4, "expected 4 images of shape (3, 3, 1), got 2 of shape (3, 3, 1) after the first 3"),
        ([3], 2, "expected 2 images of shape (3, 3, 1), got 3 of shape (3, 3, 1) after the first 0"),
        ([3], 0, "expected 0 images"),
        ([], 3, "expected 3 images (one at least), got 0"),
        ([], 0, "expected 0 images (one at least), got 0"),
    ],
)
def test_another_number_of_images_than_announced_is_refused(
    tmp_path: Path, sizes: list[int], count: int, words: str
) -> None:
    """Too few and too many images are refused, and nothing is left behind."""
    with pytest.raises(InputError) as caught:
        images.save(tmp_path / "set", [random_set(size) for size in sizes], count=count)
    assert str(caught.value).startswith(f"{tmp_path / 'set'}: {words}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("other", [random_set(2, size=4), random_set(2, size=1), random_set(2, channels=3)])
def test_images_of_another_shape_are_refused(tmp_path: Path, other: ImageSet) -> None:
    """One set has images of one shape; numpy's broadcasting does not stretch another to it."""
    with pytest.raises(InputError) as caught:
        images.save(tmp_path / "set", [random_set(3), other], count=5)
    assert f"of shape (3, 3, 1), got 2 of shape {other.images.shape[1:]} after the first 3" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_fails_midway_leaves_the_earlier_set(tmp_path: Path) -> None:
    """An error where the images come from is passed on, and the earlier set is as it was."""
    folder = tmp_path / "set"
    images.save(folder, [random_set(2)], count=2)
    earlier = content(folder)

    def parts() -> Iterator[ImageSet]:
        yield random_set(3)
        raise RuntimeError("the attack failed")

    with pytest.raises(RuntimeError, match="the attack failed"):
        images.save(folder, parts(), count=6)
    assert content(folder) == earlier
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("name", ["images.npy", "labels.npy"])
def test_a_missing_array_is_refused(tmp_path: Path, name: str) -> None:
    """The message names the file, and the command that makes it."""
    images.save(tmp_path / "set", [random_set(5)], count=5)
    (tmp_path / "set" / name).unlink()
    with pytest.raises(InputError) as caught:
        images.load(tmp_path / "set")
    assert str(caught.value).startswith(f"{tmp_path / 'set' / name}: no such file; `dvc repro`")


def saved_in(folder: Path, name: str) -> Path:
    """Save a good set, and return the path of one of its arrays."""
    images.save(folder, [random_set(5)], count=5)
    return folder / name


arrays_of_a_set = pytest.mark.parametrize("name", ["images.npy", "labels.npy"])


@arrays_of_a_set
@pytest.mark.parametrize("kept", [0, 1, 8, 60, 130, -1])
def test_a_truncated_array_is_refused(tmp_path: Path, name: str, kept: int) -> None:
    """Wherever the file was cut, the message names it."""
    path = saved_in(tmp_path / "set", name)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError) as caught:
        images.load(tmp_path / "set")
    assert str(caught.value).startswith(f"{path}: not a readable .npy array: ")


@arrays_of_a_set
def test_a_pickle_is_refused(tmp_path: Path, name: str) -> None:
    """An array of Python objects could run code when it is read."""
    path = saved_in(tmp_path / "set", name)
    np.save(path, np.array([{}, None], object), allow_pickle=True)
    with pytest.raises(InputError) as caught:
        images.load(tmp_path / "set")
    assert str(caught.value).startswith(f"{path}: not a readable .npy array: ")


def npy(header: str) -> bytes:
    """Return an .npy file with a header of one's own, and a little data."""
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(64)


NO_ARRAYS = {
    "text": b"text",
    "zip": b"PK\x03\x04 begins a zip file",
    "huge": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 2, 2, 1)}"),
    "negative": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2, 2, 1)}"),
    "unclosed": npy("{'descr': '<f4', 'fortran_order': False, 'shape': ("),
    "unhashable": npy("{[]: 1}"),
    "number": npy("1"),
}


@arrays_of_a_set
@pytest.mark.parametrize("content", NO_ARRAYS.values(), ids=NO_ARRAYS)
def test_what_is_no_array_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    """A file of another kind or with a senseless header raises `InputError` and nothing else."""
    path = saved_in(tmp_path / "set", name)
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        images.load(tmp_path / "set")
    assert str(caught.value).startswith(f"{path}: not a readable .npy array: ")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """Return the folder of a saved set that a test may damage, and what its images are on disk."""
    folder = tmp_path_factory.mktemp("damaged")
    return folder, saved_in(folder, "images.npy").read_bytes()


@given(position=st.integers(0, 127), byte=st.integers(0, 255))
@settings(max_examples=300)
def test_a_damaged_header_is_refused(sound: tuple[Path, bytes], position: int, byte: int) -> None:
    """One wrong byte in the 128 before the pixels raises `InputError` and nothing else, or does no harm."""
    folder, saved = sound
    content = bytearray(saved)
    content[position] = byte
    (folder / "images.npy").write_bytes(content)
    try:
        loaded = images.load(folder)
    except InputError as error:
        assert str(error).startswith(str(folder))  # noqa: PT017 (either way is right)
    else:
        assert loaded.images.shape == (5, 3, 3, 1)


@arrays_of_a_set
def test_several_arrays_in_one_file_are_refused(tmp_path: Path, name: str) -> None:
    """An .npz file that was renamed to .npy is not an array."""
    path = saved_in(tmp_path / "set", name)
    with path.open("wb") as file:
        np.savez(file, images=np.zeros(5))
    with pytest.raises(InputError) as caught:
        images.load(tmp_path / "set")
    assert str(caught.value).startswith(f"{path}: not a readable .npy array: ")


def test_rows_of_a_set_are_a_set() -> None:
    """A slice or row numbers give the images with their labels."""
    whole = random_set(5)
    assert len(whole) == 5
    assert_equal(whole[1:3], ImageSet(whole.images[1:3], whole.labels[1:3]))
    rows = np.array([4, 0])
    assert_equal(whole[rows], ImageSet(whole.images[rows], whole.labels[rows]))


@pytest.mark.parametrize(("size", "sizes"), [(2, [2, 2, 1]), (5, [5]), (9, [5]), (1, [1] * 5)])
def test_batches_are_the_set_in_order(size: int, sizes: list[int]) -> None:
    """Batches hold every image once, in order; the last one may be smaller."""
    whole = random_set(5)
    parts = list(whole.batches(size))
    assert [len(part) for part in parts] == sizes
    joined = ImageSet(np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]))
    assert_equal(joined, whole)
