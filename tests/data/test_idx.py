"""IDX files, MNIST's own format, plain or packed."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support.formats import (
    TEST,
    TEST_IMAGES,
    TEST_LABELS,
    TEST_Y,
    TRAIN,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    TRAIN_Y,
    Bytes,
    Files,
    as_idx,
    assert_is,
    gz,
    idx,
    put,
    refusal,
    with_contrast,
)

from robust_digits.data import formats


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=5)), st.booleans(), st.data())
def test_idx_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    pixels: Bytes,
    compressed: bool,  # noqa: FBT001 (hypothesis passes by position)
    data: st.DataObject,
) -> None:
    """Images of any size and pixels come out as they went in."""
    assume(pixels.size > 1)
    pixels = with_contrast(pixels)
    labels = data.draw(hnp.arrays(np.uint8, len(pixels)))
    files = as_idx(pixels, labels, TEST, TEST_Y)
    folder = put(tmp_path_factory.mktemp("raw"), gz(files) if compressed else files)
    assert_is(formats.read(folder, size=4), pixels, labels, TEST, TEST_Y)


IDX_FILES = [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS]


@pytest.mark.parametrize("name", IDX_FILES)
@pytest.mark.parametrize("compress", [lambda files: files, gz], ids=["plain", "gz"])
def test_a_missing_file_of_the_four_is_refused(tmp_path: Path, name: str, compress: Callable[[Files], Files]) -> None:
    """The message says which kind of file is missing, and in which folder."""
    files = as_idx(TRAIN, TRAIN_Y, TEST, TEST_Y)
    del files[name]
    message = refusal(put(tmp_path, compress(files)))
    part, kind = name.replace("t10k", "test").split("-")[:2]
    assert f"expected one IDX file of {part} {kind}, got none" in message
    assert str(tmp_path) in message


def test_a_file_beside_its_own_archive_is_refused(tmp_path: Path) -> None:
    """Two files that could be the training images are both named; none is chosen silently."""
    files = as_idx(TRAIN, TRAIN_Y, TEST, TEST_Y)
    message = refusal(put(tmp_path, {**files, **gz({TRAIN_IMAGES: files[TRAIN_IMAGES]})}))
    assert "expected one IDX file of train images, got " in message
    assert all(word in message for word in (str(tmp_path), f"{TRAIN_IMAGES}, ", f"{TRAIN_IMAGES}.gz"))


def dimensions(*sizes: int, data: bytes = b"") -> bytes:
    """Return an IDX file whose header claims these dimensions."""
    return struct.pack(f">HBB{len(sizes)}I", 0, 8, len(sizes), *sizes) + data


NO_IDX = {
    "empty": (b"", "truncated or not an IDX file"),
    "three bytes": (b"\0\0\x08", "truncated or not an IDX file"),
    "half a header": (idx(TRAIN)[:9], "truncated or not an IDX file"),
    "a header alone": (idx(TRAIN)[:16], "truncated or not an IDX file: expected 96 bytes, got 0"),
    "a byte too few": (idx(TRAIN)[:-1], "truncated or not an IDX file: expected 96 bytes, got 95"),
    "a byte too many": (idx(TRAIN) + b"\0", "expected (6, 4, 4) values as its header says, got more"),
    "more than a machine holds": (dimensions(*[2**32 - 1] * 3), "expected images that fit into "),
    "nothing in a huge shape": (dimensions(0, *[2**32 - 1] * 2), ""),
    "more dimensions than numpy knows": (dimensions(*[1] * 65, data=b"\0"), ""),
    "no images": (dimensions(0, 28, 28), "expected"),
    "no dimensions": (dimensions(data=b"\0"), "expected images as float32 of shape (n, height, width, channels)"),
    "labels for images": (idx(TRAIN_Y), "expected images as float32 of shape (n, height, width, channels)"),
    "text": (b"<!DOCTYPE html>" * 20, ""),
    "floats": (b"\0\0\x0d" + idx(TRAIN)[3:], "expected an IDX file of unsigned bytes (00 00 08), got 00 00 0d"),
    "a wrong magic number": (b"\1\0\x08" + idx(TRAIN)[3:], "unsigned bytes (00 00 08), got 01 00 08"),
    "gzip without its ending": (gzip.compress(idx(TRAIN)), ""),
}


@pytest.mark.parametrize(("content", "words"), NO_IDX.values(), ids=NO_IDX)
def test_a_broken_idx_file_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """The message is one line with the file, what its header says, and what was found."""
    files = {**as_idx(TRAIN, TRAIN_Y, TEST, TEST_Y), TRAIN_IMAGES: content}
    message = refusal(put(tmp_path, files))
    assert message.startswith(f"{tmp_path / TRAIN_IMAGES}: ")
    assert words in message
    assert "\n" not in message


COMPRESSED = gzip.compress(idx(TRAIN), mtime=0)


@pytest.mark.parametrize(
    "content",
    [b"", COMPRESSED[:-1], COMPRESSED[:20], idx(TRAIN), COMPRESSED[:-8] + bytes(8), COMPRESSED[:15] + bytes(9)],
    ids=["empty", "a byte too few", "half", "not compressed", "wrong checksum", "overwritten"],
)
def test_a_broken_gz_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """The message has the file."""
    files = {**gz(as_idx(TRAIN, TRAIN_Y, TEST, TEST_Y)), f"{TRAIN_IMAGES}.gz": content}
    message = refusal(put(tmp_path, files))
    assert message.startswith(f"{tmp_path / TRAIN_IMAGES}.gz: truncated or not an IDX file: ")
