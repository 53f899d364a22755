"""Large arrays lie on disk and leave nothing behind; small ones in memory, and both hold what is put in."""

import errno
import io
import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import numpy as np
import pytest

from robust_digits.arrays import scratch


@pytest.fixture(params=["in memory", "on disk"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let every array be large, or small; the test stands in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(scratch, "_LARGE", 1 if request.param == "on disk" else 2**40)
    monkeypatch.setattr(scratch, "_CHUNK", 16)  # bytes: four rows of these
    return str(request.param)


def test_an_array_holds_what_is_put_in(place: str) -> None:
    """Where it lies makes no difference to who uses it, and no file is to be seen."""
    array = scratch.empty((3, 2), np.float32)
    array[:] = np.arange(6).reshape(3, 2)
    assert array.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert isinstance(array, np.memmap) == (place == "on disk")
    assert not list(Path.cwd().iterdir())


@pytest.mark.usefixtures("place")
def test_a_copy_may_be_changed() -> None:
    """What it is a copy of stays as it is."""
    values = np.arange(20, dtype=np.float32).reshape(10, 2)
    copy = scratch.copied(values)
    assert np.array_equal(copy, values)
    copy[9] = 0
    assert values[9, 0] == 18


@pytest.mark.usefixtures("place")
def test_parts_are_joined_in_order() -> None:
    """Whatever they are made of, one after another."""
    parts = [np.full((rows, 2), rows, np.uint8) for rows in (3, 1, 2)]
    assert np.array_equal(scratch.joined(iter(parts), (6, 2), np.uint8), np.concatenate(parts))


@pytest.mark.usefixtures("place")
def test_what_is_read_is_all_there() -> None:
    """An array is read chunk by chunk, and no byte further."""
    values = np.arange(20, dtype=np.int32).reshape(5, 4)
    source = io.BytesIO(values.tobytes() + b"more")
    assert np.array_equal(scratch.filled(source, (5, 4), np.int32), values)
    assert source.read() == b"more"


@pytest.mark.usefixtures("place")
def test_a_file_that_is_too_short_is_refused() -> None:
    """The line says how much was there."""
    with pytest.raises(EOFError, match="expected 80 bytes, got 79"):
        scratch.filled(io.BytesIO(bytes(79)), (20,), np.int32)


@pytest.mark.usefixtures("place")
def test_rows_are_taken_in_order() -> None:
    """Rows may come in any order, and more than once."""
    values = np.arange(20, dtype=np.int64).reshape(10, 2)
    rows = np.array([9, 0, 0, 4, 7])
    assert np.array_equal(scratch.taken(values, rows), values[rows])


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("shape", [(0, 3), (5, 0), (1,), (7, 100)])
def test_chunks_are_all_rows(shape: tuple[int, ...]) -> None:
    """Every row is in one chunk, also where a single one is larger than a chunk."""
    found = [row for part in scratch.chunks(scratch.empty(shape, np.uint8)) for row in range(part.start, part.stop)]
    assert found == list(range(shape[0]))


@pytest.mark.fault("refused")
def test_a_full_disk_is_an_error_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a signal later, when a page of the map finds no room."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match="expected room for"):
        scratch.empty((2**50,), np.uint8)
    assert not list(tmp_path.iterdir())


@pytest.mark.fault("refused")
@pytest.mark.parametrize(
    ("reason", "kind", "says"),
    [
        (errno.EDQUOT, OSError, "quota exceeded: '{here}'"),
        (errno.ENOMEM, MemoryError, "expected room for 134,217,728 bytes in the address space"),
    ],
)
def test_what_is_full_is_named(
    reason: int, kind: type[Exception], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder whose quota is reached, or memory: the system gives room to a file without a name, and names none."""

    def refuse(_: IO[bytes], __: int) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(scratch, "allocate", refuse)
    with pytest.raises(kind, match=says.format(here=tmp_path)):
        scratch.empty((2**27,), np.uint8)


@pytest.mark.fault("recovered")
@pytest.mark.parametrize("reason", [errno.EACCES, errno.EROFS])
def test_where_nothing_can_be_written_memory_has_to_do(reason: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model can be judged from a folder of somebody else."""

    def refuse(**_: object) -> None:
        raise OSError(reason, "refused")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    assert not isinstance(scratch.empty((2**26,), np.uint8), np.memmap)
