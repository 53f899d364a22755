""".npz files: four arrays, whatever wrote them."""

import errno
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.formats import (
    TEST,
    TEST_Y,
    TRAIN,
    TRAIN_Y,
    archive,
    as_npz,
    assert_is,
    npy,
    npz,
    put,
    random_digits,
    refusal,
)

from robust_digits.arrays import scratch
from robust_digits.data import formats

ARRAYS = {"x_train": TRAIN, "y_train": TRAIN_Y, "x_test": TEST, "y_test": TEST_Y}


def test_whole_numbers_of_any_width_are_read(tmp_path: Path) -> None:
    """Images and labels of 64 bits are the same as those of 8."""
    put(tmp_path, {"digits.npz": npz(**{name: array.astype(np.int64) for name, array in ARRAYS.items()})})
    assert_is(formats.read(tmp_path, size=4), TRAIN, TRAIN_Y, TEST, TEST_Y)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_floats_in_the_unit_interval_are_read_as_they_are(tmp_path: Path, dtype: str) -> None:
    """Pixels that are fractions already are not scaled again."""
    pixels = np.array([0, 0.25, 0.5, 1], dtype).reshape(4, 1, 1)
    put(tmp_path, {"digits.npz": npz(**{**ARRAYS, "x_test": pixels})})
    test = formats.read(tmp_path, size=4).test
    assert test is not None
    assert test.images.dtype == np.float32
    assert test.images.ravel().tolist() == [0, 0.25, 0.5, 1]


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64])
def test_images_are_converted_a_few_at_a_time(tmp_path: Path, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every one of them, whole numbers and fractions."""
    monkeypatch.setattr(scratch, "_CHUNK", 1)  # byte: one image at a time
    monkeypatch.setattr(scratch, "empty", lambda shape, dtype: np.full(shape, 77, dtype))  # what is left out is seen
    pixels = TRAIN.astype(dtype) if np.issubdtype(dtype, np.integer) else TRAIN / 255
    put(tmp_path, {"digits.npz": npz(**{**ARRAYS, "x_train": pixels})})
    assert_is(formats.read(tmp_path, size=4), TRAIN, TRAIN_Y, TEST, TEST_Y)


def test_colour_images_keep_their_channels(tmp_path: Path) -> None:
    """Three channels stay three; grey images get an axis for one."""
    pixels, labels = random_digits(5, 4, 4, 3, seed=2)
    put(tmp_path, as_npz(pixels, labels, pixels, labels))
    split = formats.read(tmp_path, size=4)
    assert_is(split, pixels, labels, pixels, labels)
    assert split.train.images.shape == (5, 4, 4, 3)


def test_images_that_are_no_squares_are_read(tmp_path: Path) -> None:
    """Height and width may differ where the format says what they are."""
    pixels, labels = random_digits(5, 2, 7, seed=2)
    put(tmp_path, as_npz(pixels, labels, pixels, labels))
    assert formats.read(tmp_path, size=4).train.images.shape == (5, 2, 7, 1)


NO_ARRAYS = {
    "a float above 1": ("x_train", TRAIN.astype(np.float32), "(train): expected finite pixel values in [0, 1], got "),
    "a negative float": ("x_test", TEST / -255, "(test): expected finite pixel values in [0, 1], got -"),
    "a float too large for 32 bits": ("x_train", np.full((6, 4, 4), 1e300), "(train): expected finite pixel values"),
    "no number": ("x_test", np.full((4, 4, 4), np.nan), "(test): expected finite pixel values in [0, 1], got nan"),
    "infinity": ("x_test", np.full((4, 4, 4), np.inf), "(test): expected finite pixel values in [0, 1], got inf"),
    "a pixel above 255": ("x_train", TRAIN + np.int64(256), "(train): expected whole pixel values in 0...255, got "),
    "a negative pixel": ("x_test", TEST - np.int64(256), "(test): expected whole pixel values in 0...255, got -"),
    "true and false": ("x_train", TRAIN > 99, "(train): expected pixels as whole numbers or floats, got bool"),
    "text": ("x_train", TRAIN.astype(str), "(train): expected pixels as whole numbers or floats, got <U3"),
    "complex pixels": ("x_train", TRAIN * 1j, "(train): expected pixels as whole numbers or floats, got complex"),
    "flat images": ("x_test", TEST.reshape(4, 16), "(test): expected images as float32 of shape (n, height, width"),
    "one image": ("x_test", TEST[0], "(test): expected images as float32 of shape (n, height, width"),
    "a number": ("x_test", TEST[0, 0, 0], "(test): expected images as float32 of shape (n, height, width"),
    "no images": ("x_test", TEST[:0], "(test): expected a label for each image, got 0 images and 4 labels"),
    "labels as floats": ("y_train", TRAIN_Y / 2, "(train): expected labels as whole numbers, got float64"),
    "labels as text": ("y_train", TRAIN_Y.astype(str), "(train): expected labels as whole numbers, got <U3"),
    "labels one-hot": ("y_test", np.eye(10, dtype=int)[TEST_Y], "(test): expected labels as int64 of shape (n,), got "),
    "a label too few": ("y_test", TEST_Y[1:], "(test): expected a label for each image, got 4 images and 3 labels"),
    "objects": ("x_train", np.array([{}, None]), "expected arrays x_train, y_train, x_test and y_test in an intact"),
}


@pytest.mark.parametrize(("name", "array", "words"), NO_ARRAYS.values(), ids=NO_ARRAYS)
def test_an_array_of_anything_but_digits_is_refused(tmp_path: Path, name: str, array: NDArray[Any], words: str) -> None:
    """The message has the file, the part, what was expected and what was found."""
    message = refusal(put(tmp_path, {"digits.npz": npz(**{**ARRAYS, name: array})}))
    assert message.startswith(str(tmp_path / "digits.npz"))
    assert words in message


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    """Reading objects could run code: the file may say what it will, nothing is run."""

    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[Path]]:
            return Path.touch, (tmp_path / "ran",)

    refusal(put(tmp_path / "raw", {"digits.npz": npz(**{**ARRAYS, "x_train": np.array([Bomb()], object)})}))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ARRAYS)
def test_a_missing_array_is_refused(tmp_path: Path, name: str) -> None:
    """The message has the file, the four names, and the one that is not there."""
    rest = {other: array for other, array in ARRAYS.items() if other != name}
    message = refusal(put(tmp_path, {"digits.npz": npz(**rest)}))
    assert message.startswith(f"{tmp_path / 'digits.npz'}: expected arrays x_train, y_train, x_test and y_test")
    assert message.count(name) == 2


def altered(content: bytes, *, flags: int = 0, method: int = 0) -> bytes:
    """Return a zip file whose first member claims other flags or another compression method."""
    changed = bytearray(content)
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.index(signature) + at
        struct.pack_into("<HH", changed, start, flags, method)
    return bytes(changed)


NO_ARCHIVES = {
    "empty": b"",
    "text": b"not a zip file",
    "an array": npy(TRAIN),
    "half a zip file": npz(**ARRAYS)[:200],
    "an empty zip file": archive({}),
    "members that are no arrays": archive({f"{name}.npy": b"text" for name in ARRAYS}),
    "members without an ending": archive(dict.fromkeys(ARRAYS, b"text")),
    "empty members": archive({f"{name}.npy": b"" for name in ARRAYS}),
    "an encrypted member": altered(npz(**ARRAYS), flags=1),
    "an unknown compression": altered(npz(**ARRAYS), method=97),
    "a compression without its data": altered(npz(**ARRAYS), method=zipfile.ZIP_DEFLATED),
    "another compression without its data": altered(npz(**ARRAYS), method=zipfile.ZIP_BZIP2),
    "a third compression without its data": altered(npz(**ARRAYS), method=zipfile.ZIP_LZMA),
}


@pytest.mark.parametrize("content", NO_ARCHIVES.values(), ids=NO_ARCHIVES)
def test_a_broken_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    """The message is one line with the file and what was expected in it."""
    message = refusal(put(tmp_path, {"digits.npz": content}))
    assert message.startswith(f"{tmp_path / 'digits.npz'}: expected arrays x_train, y_train, x_test and y_test")
    assert "\n" not in message


def test_a_compressed_archive_is_read(tmp_path: Path) -> None:
    """What `np.savez_compressed` wrote is read as what `np.savez` wrote."""
    members = {f"{name}.npy": npy(array) for name, array in ARRAYS.items()}
    put(tmp_path, {"digits.npz": archive(members, compression=zipfile.ZIP_DEFLATED)})
    assert_is(formats.read(tmp_path, size=4), TRAIN, TRAIN_Y, TEST, TEST_Y)


def test_two_archives_are_refused(tmp_path: Path) -> None:
    """The message names both files; none is chosen silently."""
    content = npz(**ARRAYS)
    message = refusal(put(tmp_path, {"a.npz": content, "b.npz": content}))
    assert "expected a single .npz file, got " in message
    assert all(word in message for word in (str(tmp_path), "a.npz", "b.npz"))


@pytest.mark.fault("refused")
def test_a_full_disk_is_no_damaged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room for what is in a file, the file is not to blame."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path))

    monkeypatch.setattr(scratch, "empty", full)
    with pytest.raises(OSError, match="No space left on device"):
        formats.read(put(tmp_path, as_npz(TRAIN, TRAIN_Y, TEST, TEST_Y)), size=4)
