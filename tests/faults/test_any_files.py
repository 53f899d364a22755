"""Any bytes for a data set: an accepted file gives a valid one, every other is one line, in little memory."""

import gzip
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from faults.fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support.confined import read_or_refuse
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
    as_idx,
    as_npz,
    chunk,
    claiming,
    encoded,
    npy,
    put,
    random_digits,
)

pytestmark = pytest.mark.usefixtures("little_memory")


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
    st.one_of(hnp.array_shapes(min_dims=0, max_dims=5, max_side=6), st.sampled_from([(6, 4, 4), (6,), (6, 4, 4, 3)])),
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
