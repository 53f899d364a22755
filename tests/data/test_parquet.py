"""Parquet files as the Hugging Face hub keeps image sets; those tests that write such a file need pyarrow."""

import builtins
import io
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from support.formats import TEST, TRAIN, Bytes, Files, assert_is, encoded, put, random_digits, refusal

from robust_digits.data import formats

TRAIN_Y, TEST_Y = np.array([0, 1, 2, 0, 1, 2], np.uint8), np.array([2, 1, 0, 0], np.uint8)


@pytest.fixture
def arrow() -> ModuleType:
    """Return pyarrow, or skip the test where it is not installed."""
    module: ModuleType = pytest.importorskip("pyarrow", reason="pip install '.[parquet]'")
    return module


def table(arrow: ModuleType, **columns: Any) -> bytes:  # noqa: ANN401 (Arrow's own arrays, or lists)
    """Return a parquet file."""
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(arrow.table(columns), file, row_group_size=4)
    return file.getvalue()


def as_hub(arrow: ModuleType, pixels: Bytes, labels: Bytes) -> bytes:
    """Return a file as the hub makes it: each image a struct of its bytes and its path."""
    images = [{"bytes": encoded(image), "path": f"{row}.png"} for row, image in enumerate(pixels)]
    return table(arrow, image=images, label=arrow.array(labels.tolist(), arrow.int64()))


def test_a_set_of_the_hub_is_read(tmp_path: Path, arrow: ModuleType) -> None:
    """Files of one part follow one another; other columns and other parts do not matter."""
    first, second = as_hub(arrow, TRAIN[:5], TRAIN_Y[:5]), as_hub(arrow, TRAIN[5:], TRAIN_Y[5:])
    files = {"train-00000-of-00002.parquet": first, "train-00001-of-00002.parquet": second}
    tested = {"test-00000-of-00001.parquet": as_hub(arrow, TEST, TEST_Y), "validation-0.parquet": b"not read"}
    split = formats.read(put(tmp_path, {**files, **tested}), size=4)
    assert_is(split, TRAIN, TRAIN_Y, TEST, TEST_Y)
    assert split.notes == ()


@pytest.mark.parametrize("name", ["train.parquet", "mine.parquet", "train-latest.parquet"])
def test_one_file_is_a_set_that_nobody_split(tmp_path: Path, arrow: ModuleType, name: str) -> None:
    """A file without one for testing beside it has no test images."""
    files = {name: as_hub(arrow, TRAIN, TRAIN_Y)}
    assert_is(formats.read(put(tmp_path, files), size=4), TRAIN, TRAIN_Y, None, None)


def test_bytes_alone_are_read_in_colours(tmp_path: Path, arrow: ModuleType) -> None:
    """A column of encoded images without a struct around them is read too; sizes and colours are as in a folder."""
    pixels, _ = random_digits(6, 7, 9, 3, seed=0)
    file = table(arrow, image=[encoded(image) for image in pixels], label=TRAIN_Y.tolist(), other=["x"] * 6)
    split = formats.read(put(tmp_path, {"mine.parquet": file}), size=7)
    assert split.train.images.shape == (6, 7, 7, 3)
    assert split.notes == ("resized from 9x7 to 7x7 pixels",)


def broken(arrow: ModuleType) -> dict[str, tuple[Files, str]]:
    """Return files that cannot be read, and what is said of them."""
    good, images = as_hub(arrow, TRAIN, TRAIN_Y), [encoded(image) for image in TRAIN]
    labels = TRAIN_Y.tolist()
    return {
        "text": ({"a.parquet": b"text"}, "a.parquet: expected an intact parquet file: "),
        "empty": ({"a.parquet": b""}, "a.parquet: expected an intact parquet file: "),
        "truncated": ({"a.parquet": good[:-9]}, "a.parquet: expected an intact parquet file: "),
        "other columns": (
            {"a.parquet": table(arrow, img=images, label=labels)},
            "a.parquet: expected columns image (bytes) and label (whole numbers), got img (binary), label (int64)",
        ),
        "paths alone": (
            {"a.parquet": table(arrow, image=[{"path": "a.png"}], label=[0])},
            "a.parquet: expected columns image (bytes) and label (whole numbers), got image (struct<",
        ),
        "labels as text": (
            {"a.parquet": table(arrow, image=images, label=list("abcabc"))},
            "a.parquet: expected whole numbers in column label, got string",
        ),
        "no label": (
            {"a.parquet": table(arrow, image=images, label=[0, 1, None, 0, 1, 2])},
            "a.parquet: row 2: expected a label in 0...99999, got None",
        ),
        "a huge label": (
            {"a.parquet": table(arrow, image=images[:1], label=arrow.array([2**64 - 1], arrow.uint64()))},
            "a.parquet: row 0: expected a label in 0...99999, got 18446744073709551615",
        ),
        "no image": (
            {
                "a.parquet": table(
                    arrow, image=[{"bytes": None, "path": "a.png"}, {"bytes": b"", "path": ""}], label=[0, 1]
                )
            },
            "a.parquet: row 0: expected the bytes of an image, got none",
        ),
        "a broken image": (
            {"a.parquet": table(arrow, image=[*images[:4], b"no image", images[5]], label=labels)},
            "a.parquet: row 4: expected an intact PNG or JPEG image: ",
        ),
        "no rows": (
            {"a.parquet": table(arrow, image=arrow.array([], arrow.binary()), label=arrow.array([], arrow.int64()))},
            "a.parquet: expected one image at least",
        ),
        "test images alone": (
            {"test-0.parquet": good},
            "expected a .parquet file of training images, got those of test images",
        ),
    }


def test_what_is_no_image_set_is_refused(tmp_path: Path, arrow: ModuleType) -> None:
    """The message is one line with the file, the row where it is one, what was expected and what was found."""
    for name, (files, words) in broken(arrow).items():
        message = refusal(put(tmp_path / name, files))
        assert message.startswith(str(tmp_path / name)), name
        assert words in message, name
        assert "\n" not in message, name


def test_without_pyarrow_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is large, and installed by whoever has such files: the message is the command."""
    for name in [name for name in sys.modules if name.startswith("pyarrow")]:
        monkeypatch.delitem(sys.modules, name)
    found = builtins.__import__

    def lacking(name: str, *arguments: Any) -> ModuleType:  # noqa: ANN401 (as the builtin)
        if name.startswith("pyarrow"):
            raise ModuleNotFoundError(name=name)
        module: ModuleType = found(name, *arguments)
        return module

    monkeypatch.setattr(builtins, "__import__", lacking)
    assert refusal(put(tmp_path, {"train.parquet": b"PAR1"})) == (
        f"{tmp_path / 'train.parquet'}: reading parquet needs pyarrow, which is not installed: pip install '.[parquet]'"
    )
