"""Images of one's own are read from a file or a folder, or refused in one line that says what is wrong."""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.formats import npy

from robust_digits.arrays import memory
from robust_digits.candidate import data
from robust_digits.errors import InputError

Saved = Callable[..., Path]
X, Y = np.full((4, 6, 5, 3), 0.5), np.arange(4)
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "0..255": ({"images": X * 255, "labels": Y}, r"divide by 255.*Rescaling\(255\)"),
    "bytes": ({"images": (X * 255).astype(np.uint8), "labels": Y}, "uint8 up to 127; divide by 255"),
    "NaN": ({"images": X * np.nan, "labels": Y}, "nan"),
    "below 0": ({"images": -X, "labels": Y}, "got -0.5"),
    "words": ({"images": X.astype(str), "labels": Y}, "expected images as numbers"),
    "two axes": ({"images": X[0, 0], "labels": Y}, r"expected images of shape"),
    "another count": ({"images": X, "labels": Y[:3]}, "got 4 images and 3 labels"),
    "one-hot": ({"images": X, "labels": np.eye(4, dtype=int)}, "argmax"),
    "float labels": ({"images": X, "labels": Y / 2}, "labels as integers"),
    "objects": ({"images": X, "labels": np.array([1, "a", None, 2], object)}, "Python objects"),
    "missing": ({"pixels": X, "classes": Y}, "got pixels, classes"),
    "nothing": ({}, "got nothing"),
    "empty": ({"images": X[:0], "labels": Y[:0]}, "one image at least"),
}


@pytest.mark.parametrize("names", [("images", "labels"), ("x_test", "y_test"), ("x", "y")])
def test_arrays_by_any_of_their_names(names: tuple[str, str], npz: Saved) -> None:
    """Images and labels come back as every module takes them, whatever they are called."""
    found = data.load(npz(**dict(zip(names, (X, Y[:, np.newaxis]), strict=True))))
    assert found.images.dtype == np.float32
    assert found.images.shape == X.shape
    assert found.labels.dtype == np.int64
    assert found.labels.tolist() == [0, 1, 2, 3]


def test_images_without_channels_get_one(npz: Saved) -> None:
    """Grey images may come without the axis of channels."""
    assert data.load(npz(images=X[..., 0], labels=Y)).images.shape == (4, 6, 5, 1)


def folder_of(path: Path, **arrays: Any) -> Path:  # noqa: ANN401 (as savez takes them)
    """Save arrays each by its name."""
    path.mkdir()
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array)
    return path


def test_a_folder_is_an_image_set(tmp_path: Path) -> None:
    """A folder of images.npy and labels.npy may hold what a file may; what is float32 already stays on the disk."""
    for name, pixels, labels in (("stage", X.astype(np.float32), Y), ("mine", X[..., 0], Y.astype(np.uint8))):
        found = data.load(folder_of(tmp_path / name, images=pixels, labels=labels))
        assert found.images.dtype == np.float32
        assert found.images.ndim == 4
        assert found.labels.dtype == np.int64
        assert isinstance(found.images.base, np.memmap) == (name == "stage")


def test_a_folder_of_anything_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says what is missing, or wrong, and nothing of stages; what becomes float32 must fit into memory."""
    with pytest.raises(InputError, match=r"empty: expected images\.npy and labels\.npy, got nothing$"):
        data.load(folder_of(tmp_path / "empty"))
    with pytest.raises(InputError, match=r"half: expected images\.npy and labels\.npy, got images\.npy$"):
        data.load(folder_of(tmp_path / "half", images=X))
    with pytest.raises(InputError, match="bytes: expected images as floats"):
        data.load(folder_of(tmp_path / "bytes", images=X.astype(np.uint8), labels=Y))
    monkeypatch.setattr(memory, "limit", lambda: 4 * X.size - 1)
    with pytest.raises(InputError, match="large: expected images that fit into"):
        data.load(folder_of(tmp_path / "large", images=X.astype(np.float16), labels=Y))


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_image_set_is_refused(fault: str, npz: Saved) -> None:
    """Every fault is one line that names the file and what was found."""
    arrays, says = FAULTS[fault]
    path = npz(**arrays)
    with pytest.raises(InputError, match=says) as refused:
        data.load(path)
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"words", b"\xff\xd8\xff\xe0 a JPEG", npy(Y)])
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    """What is no archive is refused as that, and so is a file that is not there."""
    path = tmp_path / "torn.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"expected an intact \.npz file: File is not a zip file$"):
        data.load(path)
    with pytest.raises(InputError, match="no such file"):
        data.load(tmp_path / "none.npz")


def test_classes_that_the_first_images_lack_are_said() -> None:
    """Of data sorted by class the first images are no sample: that is said, and nothing where every class is there."""
    labels = np.repeat(np.arange(4), 5)
    assert data.left_out(labels, samples=10) == (
        "the first 10 images hold 2 of 4 classes: shuffle the data, or take more SAMPLES"
    )
    assert data.left_out(labels, samples=16) == ""
    assert data.left_out(labels[::-1], samples=100) == ""


def test_arrays_larger_than_memory_are_refused_by_what_they_declare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file that unpacks to more than there is room for is one line, and is not unpacked."""
    bomb = tmp_path / "bomb.npz"
    with zipfile.ZipFile(bomb, "w") as archive:
        for name in ("images", "labels"):
            archive.writestr(f"{name}.npy", b"")
    content = bytearray(bomb.read_bytes())
    for start in (match.start() for match in re.finditer(b"PK\x01\x02", content)):
        content[start + 24 : start + 28] = (2**32 - 2).to_bytes(4, "little")  # the size in the list of members
    bomb.write_bytes(content)
    monkeypatch.setattr(memory, "limit", lambda: 2**32)
    with pytest.raises(
        InputError, match=r"bomb\.npz: expected images that fit into .* of memory, got 8,589,934,588 bytes"
    ):
        data.load(bomb)


@pytest.mark.parametrize("dtype", [np.bool_, np.float16, np.float64])
def test_arrays_must_fit_as_they_are_and_as_float32(dtype: type, npz: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes a byte in the file takes four more afterwards."""
    path = npz(images=X.astype(dtype), labels=Y)
    with zipfile.ZipFile(path) as archive:
        needed = sum(member.file_size for member in archive.infolist()) + 4 * X.size
    monkeypatch.setattr(memory, "limit", lambda: needed)
    assert len(data.load(path)) == len(X)
    monkeypatch.setattr(memory, "limit", lambda: needed - 1)
    with pytest.raises(InputError, match=f"got {needed:,} bytes"):
        data.load(path)
