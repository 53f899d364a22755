"""Files that are larger than they look: refused by what they declare, in little memory."""

import gzip
import resource
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.confined import LIMIT, refusal
from support.formats import (
    TEST,
    TEST_Y,
    TRAIN,
    TRAIN_IMAGES,
    TRAIN_Y,
    archive,
    as_folders,
    as_idx,
    chunk,
    claiming,
    encoded,
    npy,
    npz,
    put,
    tar,
)

from robust_digits.arrays import memory
from robust_digits.data import archives, formats, resizing
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError

pytestmark = pytest.mark.usefixtures("little_memory")


SHAPE = (6, 4, 4)


MANY = 50_000


BOMBS: dict[str, tuple[dict[str, bytes], str]] = {
    "npz": ({"x_train": claiming((MANY, 28, 28)) + bytes(MANY * 28 * 28)}, "expected images that fit into 67,108,864"),
    "npz with few labels": (
        {"x_train": claiming((MANY, 28, 28)) + bytes(MANY * 28 * 28), "y_train": npy(TRAIN_Y)},
        f"expected a label for each image, got {MANY} images and 6 labels",
    ),
    "npz that is shorter than it says": ({"x_train": claiming((MANY, 280, 280))}, "x_train has 128 bytes where its"),
    "npz of more than there is": ({"x_train": claiming((2**40, 2**20))}, "x_train has 128 bytes where its header says"),
    "npz with a long header": (
        {"x_train": b"\x93NUMPY\2\0" + struct.pack("<I", 2**26) + bytes(2**26)},
        "expected images that",
    ),
}


@pytest.mark.fault("refused")
@pytest.mark.parametrize(("members", "words"), BOMBS.values(), ids=BOMBS)
def test_declared_sizes_come_first(tmp_path: Path, members: dict[str, bytes], words: str) -> None:
    """An .npz of a few kilobytes does not become gigabytes before it is refused."""
    labels = {"y_train": npy(np.zeros(MANY, np.uint8)), "x_test": npy(TEST), "y_test": npy(TEST_Y)}
    packed = archive(
        {f"{name}.npy": each for name, each in {**labels, **members}.items()}, compression=zipfile.ZIP_DEFLATED
    )
    del labels, members
    assert words in refusal(put(tmp_path, {"digits.npz": packed}))


@pytest.mark.fault("refused")
def test_a_zip_file_that_lies_about_a_size_is_refused(tmp_path: Path) -> None:
    """What a member really has is not read beyond what the directory of the archive says."""
    arrays = {"x_train": TRAIN, "y_train": TRAIN_Y, "x_test": TEST, "y_test": TEST_Y}
    packed = bytearray(npz(**arrays))
    at = packed.index(b"PK\1\2") + 24
    struct.pack_into("<I", packed, at, 2**20)
    assert "x_train has 1,048,576 bytes where its header says" in refusal(put(tmp_path, {"digits.npz": bytes(packed)}))


@pytest.mark.fault("refused")
@pytest.mark.parametrize("shape", [(10**6, 28, 28), (2**32 - 1, 2**32 - 1, 2**32 - 1)])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_header_of_an_idx_file_is_looked_at_first(tmp_path: Path, shape: tuple[int, ...], ending: str) -> None:
    """Plain or packed."""
    files = as_idx(TRAIN, TRAIN_Y, TEST, TEST_Y)
    content = struct.pack(">HBB3I", 0, 8, 3, *shape) + files.pop(TRAIN_IMAGES)
    files[TRAIN_IMAGES + ending] = gzip.compress(content) if ending else content
    assert "expected images that fit into 67,108,864 bytes of memory" in refusal(put(tmp_path, files))


@pytest.mark.fault("refused")
def test_no_more_is_read_than_an_idx_file_declares(tmp_path: Path) -> None:
    """Megabytes of zeros behind a small header are kilobytes when packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    start = as_idx(TRAIN, TRAIN_Y, TEST, TEST_Y)[TRAIN_IMAGES]
    content = b"".join([packer.compress(start), *(packer.compress(bytes(2**20)) for _ in range(2**6)), packer.flush()])
    files = as_idx(TRAIN, TRAIN_Y, TEST, TEST_Y)
    del files[TRAIN_IMAGES]
    assert "expected (6, 4, 4) values as its header says, got more" in refusal(
        put(tmp_path, {**files, f"{TRAIN_IMAGES}.gz": content})
    )


@pytest.mark.fault("refused")
@pytest.mark.parametrize("line", [b"0," * 2**19 + b"0\n", b"0,0,0,0,0\n" * 10**5, b"0" * 2**20])
def test_a_packed_table_is_measured_first(tmp_path: Path, line: bytes) -> None:
    """Hundreds of megabytes of numbers, in lines or without one, are a few kilobytes when packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    content = b"".join([*(packer.compress(line) for _ in range(100)), packer.flush()])
    assert "expected images that fit into 67,108,864 bytes" in refusal(put(tmp_path, {"digits.csv.gz": content}))


def png(width: int, height: int) -> bytes:
    """Return a PNG file that declares a size, and holds little."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )


@pytest.mark.fault("refused")
@pytest.mark.parametrize("side", [12_000, 20_000, 2**31 - 1])
def test_a_picture_is_not_decoded_beyond_a_limit(tmp_path: Path, side: int) -> None:
    """Its header declares more pixels than Pillow takes for safe."""
    files = {"0/a.png": encoded(TRAIN[0]), "1/a.png": png(side, side)}
    assert "a.png: expected an intact PNG or JPEG image: Image size (" in refusal(put(tmp_path, files))


@pytest.mark.fault("refused")
def test_more_pictures_than_fit_into_memory_are_refused(tmp_path: Path) -> None:
    """Before the first of them is decoded, in the size that they are to have."""
    put(tmp_path, as_folders(TRAIN, TRAIN_Y, TEST, TRAIN_Y[:4]))
    with pytest.raises(
        InputError, match=r"^10 images of 1024x1024 pixels: expected images that fit into 67,108,864 bytes"
    ):
        formats.read(tmp_path, size=1024)


@pytest.mark.fault("refused")
def test_enlarging_beyond_memory_is_refused() -> None:
    """A set that fits is not made one that does not."""
    whole = ImageSet(np.zeros((100, 4, 4, 1), np.float32), np.zeros(100, np.int64))
    with pytest.raises(
        InputError, match=r"^images of 1024x1024 pixels: expected images that fit into 67,108,864 bytes"
    ):
        resizing.resize(whole, size=1024)


@pytest.mark.fault("refused")
def test_rows_of_a_parquet_file_are_counted_first(tmp_path: Path) -> None:
    """Millions of equal images are a few kilobytes there."""
    import pyarrow as pa
    import pyarrow.parquet

    count = 2_000_000
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int8)), pa.array([encoded(TRAIN[0])]))
    table = pa.table({"image": column.cast(pa.binary()), "label": pa.array(np.zeros(count, np.int8))})
    pyarrow.parquet.write_table(table, tmp_path / "train.parquet")
    assert "expected images that fit into 67,108,864 bytes" in refusal(tmp_path)


@pytest.mark.fault("refused")
@pytest.mark.parametrize(("name", "packed"), [("mine.tar.gz", tar), ("mine.zip", archive)])
def test_an_archive_of_too_many_names_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, packed: Callable[[dict[str, bytes]], bytes]
) -> None:
    """Names alone fill a memory; as many as may be are unpacked."""
    monkeypatch.setattr(archives, "_MOST_MEMBERS", 9)
    (tmp_path / "out").mkdir()
    put(tmp_path, {name: packed({f"{n}/a.png": b"" for n in range(9)})})
    archives.unpack(tmp_path / name, tmp_path / "out", where="mine")
    put(tmp_path, {name: packed({f"{n}/a.png": b"" for n in range(10)})})
    with pytest.raises(InputError, match=r"^mine: expected 9 files at most, got more$"):
        archives.unpack(tmp_path / name, tmp_path / "out", where="mine")


@pytest.mark.fault("refused")
def test_ten_thousand_names_are_cut(tmp_path: Path) -> None:
    """Of whatever files there are, and of classes that have test images only."""
    many = put(tmp_path / "many", {f"{n}.csv": b"" for n in range(10_000)})
    assert "(10000 in all)" in refusal(many)
    picture = encoded(TRAIN[0])
    classes = {f"test/c{n}/a.png": picture for n in range(3000)}
    assert "(3000 in all)" in refusal(
        put(tmp_path / "classes", {"train/a/a.png": picture, "train/b/a.png": picture, **classes})
    )


@pytest.mark.fault("refused")
def test_a_name_does_not_break_a_line(tmp_path: Path) -> None:
    """A newline or an escape sequence in the name of a file is shown as what it is."""
    assert "got 'a\\n\\x1b[31mb.txt'" in refusal(put(tmp_path / "none", {"a\n\x1b[31mb.txt": b""}))
    picture = put(tmp_path / "picture", {"a\n\x1b[31mb/1.png": b"", "c/1.png": encoded(TRAIN[0])})
    assert refusal(picture).startswith(f"{picture}/a\\n\\x1b[31mb/1.png: expected an intact PNG or JPEG image")


def test_the_limit_is_that_of_the_machine_or_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a container or a shell allows counts, where it is less than the machine has."""
    assert memory.limit() == LIMIT
    (tmp_path / "max").write_text("max\n", encoding="ascii")
    for unconfined in ("max", "none"):
        monkeypatch.setattr(memory, "_CONFINED", tmp_path / unconfined)
        assert LIMIT < memory.limit() <= resource.getrlimit(resource.RLIMIT_AS)[0]
