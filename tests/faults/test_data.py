"""Files that are damaged, huge or odd: an accepted one gives a valid set, every other is one line, in little memory.

Most tests here run with an address space that leaves half a gigabyte, and a data set may have 64 MiB: whoever believes
a header runs out of memory, and that is no `InputError`.
"""

import gzip
import io
import resource
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faults.fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from support.formats import (
    TEST,
    TEST_IMAGES,
    TEST_Y,
    TRAIN,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    TRAIN_Y,
    archive,
    as_cifar,
    as_csv,
    as_folders,
    as_idx,
    as_npz,
    encoded,
    npy,
    npz,
    put,
    random_digits,
)

from robust_digits.data import archives, formats, images, resizing
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError

LONGEST = 1000  # characters of a line that a person reads
LIMIT = 2**26  # bytes that a data set may take
ROOM = 2**29  # bytes that this process may grow by
SHAPE = (6, 4, 4)


@pytest.fixture(autouse=True, scope="module")
def little_memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Leave this process some room to grow, and a data set less, as a container does."""
    import pyarrow.parquet  # noqa: F401 (which takes address space of its own)

    status = Path("/proc/self/status").read_text(encoding="ascii")
    used = 1024 * int(status.partition("VmSize:")[2].split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.MonkeyPatch.context() as patch:
        confined = tmp_path_factory.mktemp("limits") / "memory.max"
        confined.write_text(f"{LIMIT}\n", encoding="ascii")
        patch.setattr(images, "_CONFINED", confined)
        resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, hard))
        yield
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def one_line(error: InputError, folder: Path) -> str:
    """Hold that a refusal is one line that says where, and return what it says behind that."""
    said = str(error)
    assert said.isprintable()
    assert len(said) < LONGEST
    assert str(folder) in said or said.startswith(("images of", "expected"))
    return said


def refusal(folder: Path) -> str:
    """Return what the files in a folder are refused with."""
    with pytest.raises(InputError) as caught:
        formats.read(folder, size=4)
    return one_line(caught.value, folder)


def read_or_refuse(folder: Path) -> None:
    """Hold that the files in a folder give a valid set, or are refused in one line."""
    try:
        split = formats.read(folder, size=4)
    except InputError as error:
        one_line(error, folder)
    else:
        for part in (split.train, split.test):
            if part is not None:
                images.check(part, where="part")
                assert part.images.shape[-1] in {1, 3}
                assert np.ptp(part.images) > 1 / 255


# What was silently wrong


@pytest.mark.fault("refused")
@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((6, 1, 28, 28), "1 or 3 channels, got (6, 1, 28, 28); channels come last: numpy.moveaxis(images, 1, -1)"),
        ((6, 3, 8, 9), "1 or 3 channels, got (6, 3, 8, 9); channels come last: numpy.moveaxis(images, 1, -1)"),
        ((6, 28, 28, 4), "1 or 3 channels, got (6, 28, 28, 4)"),
        ((6, 28, 28, 2), "1 or 3 channels, got (6, 28, 28, 2)"),
    ],
)
def test_channels_come_last(tmp_path: Path, shape: tuple[int, ...], words: str) -> None:
    """Images (n, 1, 28, 28) are not taken for 28 channels."""
    pixels, labels = random_digits(*shape, seed=0)
    assert refusal(put(tmp_path, as_npz(pixels, labels, pixels, labels))).endswith(words)


BLANK = {
    "all black": (np.zeros(SHAPE, np.uint8), "got 0 to 0, or 0 to 0 of 255"),
    "all white": (np.full(SHAPE, 255, np.uint8), "got 1 to 1, or 255 to 255 of 255"),
    "0 and 1": (TRAIN % 2, "got 0 to 0.003922, or 0 to 1 of 255"),
    "scaled twice": (TRAIN.astype(np.float32) / np.float32(255 * 255), "got 0 to 0.003814, or 0 to 1 of 255"),
    "all grey": (np.full(SHAPE, 0.5, np.float32), "got 0.5 to 0.5"),
}


@pytest.mark.fault("refused")
@pytest.mark.parametrize(("pixels", "words"), BLANK.values(), ids=BLANK)
def test_images_on_which_nothing_is_seen_are_refused(tmp_path: Path, pixels: NDArray[Any], words: str) -> None:
    """The range is in the message; test images count as training images do."""
    for part, arrays in (
        ("train", {"x_train": pixels, "y_train": TRAIN_Y, "x_test": TEST, "y_test": TEST_Y}),
        ("test", {"x_train": TEST, "y_train": TEST_Y, "x_test": pixels, "y_test": TRAIN_Y}),
    ):
        said = refusal(put(tmp_path, {"digits.npz": npz(**arrays)}))
        assert said.startswith(f"{tmp_path} ({part}): expected pixels from black to white, 0 to 1 or 0 to 255, ")
        assert words in said


@pytest.mark.fault("refused")
def test_black_pictures_are_refused(tmp_path: Path) -> None:
    """Whatever the format is."""
    said = refusal(put(tmp_path, as_folders(np.zeros(SHAPE, np.uint8), TRAIN_Y, TEST, TRAIN_Y[:4])))
    assert "got 0 to 0" in said


@pytest.mark.fault("recovered")
@pytest.mark.parametrize(
    ("pixels", "notes"),
    [
        (TRAIN // 16, "the pixels are 0 to 0.05882, or 0 to 15 of 255 only; are they scaled as they should be?"),
        (
            255 - TRAIN // 16,
            "the pixels are 0.9412 to 1, or 240 to 255 of 255 only; are they scaled as they should be?",
        ),
        (TRAIN // 4 * 3, None),
        (TRAIN, None),
    ],
)
def test_pale_images_are_kept_with_a_warning(tmp_path: Path, pixels: NDArray[Any], notes: str | None) -> None:
    """Pixels 0 to 16 may be what somebody has; the line has the part and the range."""
    pixels = pixels.astype(np.uint8)
    split = formats.read(put(tmp_path, as_idx(pixels, TRAIN_Y, TEST, TEST_Y)), size=4)
    assert split.notes == (() if notes is None else (f"warning: {tmp_path} (train): {notes}",))


@pytest.mark.fault("refused")
def test_colour_and_grey_are_not_one_data_set(tmp_path: Path) -> None:
    """A model trained on the one cannot be judged on the other."""
    colour, labels = random_digits(6, 4, 4, 3, seed=0)
    assert refusal(put(tmp_path, as_npz(colour, labels, TEST, TEST_Y))) == (
        f"{tmp_path}: expected training and test images with the same number of channels, got 3 (train) and 1 (test)"
    )


# What is larger than it looks


def claiming(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    """Return the header of an .npy file without what it announces."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})  # type: ignore[no-untyped-call]
    return file.getvalue()


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
    assert "expected (6, 4, 4) values as its header says, got 97" in refusal(
        put(tmp_path, {**files, f"{TRAIN_IMAGES}.gz": content})
    )


@pytest.mark.fault("refused")
@pytest.mark.parametrize("line", [b"0," * 2**19 + b"0\n", b"0,0,0,0,0\n" * 10**5, b"0" * 2**20])
def test_a_packed_table_is_measured_first(tmp_path: Path, line: bytes) -> None:
    """Hundreds of megabytes of numbers, in lines or without one, are a few kilobytes when packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    content = b"".join([*(packer.compress(line) for _ in range(100)), packer.flush()])
    assert "expected images that fit into 67,108,864 bytes" in refusal(put(tmp_path, {"digits.csv.gz": content}))


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a part of a PNG file."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


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
def test_an_archive_of_too_many_names_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names alone fill a memory."""
    from support.formats import tar

    monkeypatch.setattr(archives, "_MOST_MEMBERS", 9)
    put(tmp_path, {"mine.tar.gz": tar({f"{n}/a.png": b"" for n in range(10)})})
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=r"expected 9 files at most, got more$"):
        archives.unpack(tmp_path / "mine.tar.gz", tmp_path / "out")


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
    assert "got 'a\\n\\x1b[31mb.txt'" in refusal(put(tmp_path, {"a\n\x1b[31mb.txt": b""}))


# Any files


def damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    """Draw files like a good one, with some bytes replaced, taken out or put in, or an end missing."""

    def damage(parts: tuple[list[tuple[int, int, bytes]], int]) -> bytes:
        content = bytearray(whole)
        for at, length, new in parts[0]:
            content[at : at + length] = new
        return bytes(content[: parts[1]])

    at = st.integers(0, len(whole) - 1)
    change = st.tuples(at, st.integers(0, 4), st.binary(max_size=4))
    return st.tuples(st.lists(change, max_size=4), st.just(2**30) | at).map(damage)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one folder for all inputs of a test."""
    return tmp_path_factory.mktemp("raw")


def alone(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files into a folder, which then holds no others."""
    for path in folder.iterdir():
        if path.name not in files:
            path.unlink()
    return put(folder, files)


IDX = as_idx(TRAIN, TRAIN_Y, TEST, TEST_Y)
SIDES = st.lists(st.sampled_from([0, 1, 2, 4, 6, 255, 2**16, 2**31, 2**32 - 1]), max_size=5)
CLAIMS = st.builds(
    lambda code, sides, data: struct.pack(f">HBB{len(sides)}I", 0, code, len(sides), *sides) + data,
    st.sampled_from([8, 9, 13]),
    SIDES,
    st.binary(max_size=60),
)


@pytest.mark.fault("refused")
@examples(1200)
@given(st.sampled_from([TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES]), st.booleans(), st.data())
def test_any_idx_file(folder: Path, name: str, packed: bool, data: st.DataObject) -> None:  # noqa: FBT001 (drawn)
    """Damaged before or after it was packed, or with a header of any sizes."""
    content = data.draw(damaged(IDX[name]) | CLAIMS)
    if packed:
        content = data.draw(damaged(gzip.compress(content, 1, mtime=0)) | st.just(gzip.compress(content, 1, mtime=0)))
    others = {other: each for other, each in IDX.items() if other != name}
    read_or_refuse(alone(folder, {**others, f"{name}{'.gz' * packed}": content}))


CSV = as_csv(TRAIN, TRAIN_Y, TEST, TEST_Y)["digits_test.csv"]


@pytest.mark.fault("refused")
@examples(1200)
@given(damaged(CSV) | st.text("0123456789,,,\n\n.-+e \"'#\t\rxN", max_size=99).map(str.encode) | st.binary(max_size=60))
def test_any_csv_file(folder: Path, content: bytes) -> None:
    """A good table that is damaged, text that looks like one, or none at all."""
    read_or_refuse(alone(folder, {"digits.csv": content}))


NPZ = as_npz(TRAIN, TRAIN_Y, TEST, TEST_Y)["digits.npz"]
DTYPES = hnp.scalar_dtypes() | hnp.unicode_string_dtypes() | hnp.byte_string_dtypes() | st.just(np.dtype(object))
HEADERS = st.builds(
    lambda shape, dtype, data: claiming(tuple(shape), np.lib.format.dtype_to_descr(dtype)) + data,  # type: ignore[no-untyped-call]
    SIDES | st.lists(st.integers(-1, 9), max_size=5),
    DTYPES,
    st.binary(max_size=60),
)
ARRAYS = hnp.arrays(
    st.sampled_from([np.uint8, np.int64, np.uint64, np.float32, np.float64, np.float16, np.bool_]),
    st.one_of(hnp.array_shapes(min_dims=0, max_dims=5, max_side=6), st.sampled_from([SHAPE, (6,), (6, 4, 4, 3)])),
).map(npy)


@pytest.mark.fault("refused")
@examples(1200)
@given(damaged(NPZ))
def test_any_npz_file(folder: Path, content: bytes) -> None:
    """A good archive that is damaged."""
    read_or_refuse(alone(folder, {"digits.npz": content}))


@pytest.mark.fault("refused")
@examples(1200)
@given(st.sampled_from(["x_train", "y_train", "x_test", "y_test"]), HEADERS | ARRAYS | damaged(npy(TRAIN)))
def test_any_array_in_an_npz_file(folder: Path, name: str, content: bytes) -> None:
    """An intact archive with an array of anything, or with a header of any size."""
    arrays = {"x_train": TRAIN, "y_train": TRAIN_Y, "x_test": TEST, "y_test": TEST_Y}
    members = {f"{each}.npy": npy(array) for each, array in arrays.items()}
    read_or_refuse(alone(folder, {"digits.npz": archive({**members, f"{name}.npy": content})}))


KINDS = {
    "PNG": encoded(TRAIN[0]),
    "PNG in colours": encoded(random_digits(1, 4, 5, 3, seed=0)[0][0]),
    "JPEG": encoded(TRAIN[0], kind="JPEG"),
    "GIF": encoded(TRAIN[0], kind="GIF"),
}
PNGS = st.builds(
    lambda fields, data: (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", *fields))
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    ),
    st.tuples(
        *[st.sampled_from([0, 1, 3, 5000, 20_000, 2**31])] * 2,
        st.sampled_from([1, 2, 4, 8, 16, 3]),
        st.integers(0, 7),
        *[st.integers(0, 1)] * 3,
    ),
    st.binary(max_size=99),
)


@pytest.mark.fault("refused")
@examples(1200)
@given(st.sampled_from(sorted(KINDS)).flatmap(lambda kind: damaged(KINDS[kind])) | PNGS | st.binary(max_size=60))
def test_any_picture(folder: Path, content: bytes) -> None:
    """A good one that is damaged, or a header of any size, depth and kind."""
    for name, each in {"0/a.png": encoded(TRAIN[1]), "1/a.png": content}.items():
        (folder / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "pictures" / name).write_bytes(each)
    read_or_refuse(folder / "pictures")


@pytest.fixture(scope="module")
def parquet() -> bytes:
    """Return a good file."""
    import pyarrow as pa
    import pyarrow.parquet

    file = io.BytesIO()
    table = pa.table({"image": [encoded(image) for image in TRAIN], "label": TRAIN_Y})
    pyarrow.parquet.write_table(table, file)
    return file.getvalue()


@pytest.mark.fault("refused")
@examples(800)
@given(st.data())
def test_any_parquet_file(tmp_path_factory: pytest.TempPathFactory, parquet: bytes, data: st.DataObject) -> None:
    """A good one that is damaged."""
    folder = tmp_path_factory.getbasetemp() / "parquet"
    read_or_refuse(put(folder, {"train.parquet": data.draw(damaged(parquet))}))


CIFAR = as_cifar(*random_digits(4, 32, 32, 3, seed=0), *random_digits(2, 32, 32, 3, seed=1))


@pytest.mark.fault("refused")
@examples(300)
@given(st.sampled_from(sorted(CIFAR)), st.data())
def test_any_cifar_file(tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject) -> None:
    """A good one that is damaged."""
    folder = tmp_path_factory.getbasetemp() / "cifar"
    read_or_refuse(put(folder, {**CIFAR, name: data.draw(damaged(CIFAR[name]))}))


def test_the_limit_is_that_of_the_machine_or_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a container or a shell allows counts, where it is less than the machine has."""
    assert images.memory() == LIMIT
    (tmp_path / "max").write_text("max\n", encoding="ascii")
    for unconfined in ("max", "none"):
        monkeypatch.setattr(images, "_CONFINED", tmp_path / unconfined)
        assert LIMIT < images.memory() <= resource.getrlimit(resource.RLIMIT_AS)[0]
