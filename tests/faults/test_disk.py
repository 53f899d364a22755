"""A disk that is full, a file that may not grow, a byte that flips: one line, nothing left behind, nothing trusted."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support.limits import small_files
from support.sources import content

from robust_digits.data import images, sources
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError

ROOT = Path(__file__).parents[2]


def random_set(count: int) -> ImageSet:
    """Return grey images of 28x28 random pixels."""
    random = np.random.default_rng(0)
    return ImageSet(random.random((count, 28, 28, 1), np.float32), random.integers(0, 10, count))


def refused(folder: Path, whole: ImageSet) -> str:
    """Save a set for which there is no room, and return what is said; the earlier set must stay, and nothing beside."""
    images.save(folder, [random_set(2)], count=2)
    earlier = content(folder.parent)
    with pytest.raises(InputError) as caught, small_files(100_000):
        images.save(folder, [whole], count=len(whole))
    assert content(folder.parent) == earlier
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.fault("refused")
def test_no_room_for_an_image_set_is_one_line(tmp_path: Path) -> None:
    """The line names the folder that there is no room for; the earlier set is as it was."""
    assert refused(tmp_path / "set", random_set(100)) == f"{tmp_path / 'set'}: File too large"


@pytest.mark.parametrize("fallocate", [True, False])
def test_a_memory_map_has_its_room_before_it_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fallocate: bool,  # noqa: FBT001 (pytest passes by name)
) -> None:
    """Every block is there when the first image comes: a disk that fills up later is no SIGBUS."""
    if not fallocate:
        monkeypatch.delattr(os, "posix_fallocate")
    whole = random_set(4000)
    seen = []

    def parts() -> Iterator[ImageSet]:
        yield whole[:1]
        seen.append(next(tmp_path.glob(".set.*.writing/images.npy")).stat().st_blocks * 512)
        yield whole[1:]

    images.save(tmp_path / "set", parts(), count=4000)
    assert seen[0] >= whole.images.nbytes
    assert np.array_equal(images.load(tmp_path / "set").images, whole.images)


@pytest.mark.fault("refused")
def test_a_set_that_needs_more_than_is_free_says_how_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both figures are in the line."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=9))
    with pytest.raises(InputError) as caught:
        images.save(tmp_path / "set", [random_set(10)], count=10)
    assert str(caught.value) == f"{tmp_path / 'set'}: expected room for 31,488 bytes, got 9"
    assert list(tmp_path.iterdir()) == []


FULL = """
set -e
mount -t tmpfs -o size={size} none disk
cd disk
cp ../params.yaml .
set +e
{python} -m stages.augment ../sets/fgm ../sets out
echo "exit $?"
ls -A
"""


def in_a_small_disk(folder: Path, size: str) -> list[str]:
    """Run `augment` on a disk of some size, which a namespace of its own mounts; return what is printed."""
    (folder / "disk").mkdir()
    shutil.copy(ROOT / "params.yaml", folder)
    script = FULL.format(size=size, python=sys.executable)
    ended = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ended.returncode:
        pytest.skip(f"no disk can be mounted here: {ended.stdout.strip()}")
    return ended.stdout.splitlines()


@pytest.mark.fault("refused")
@pytest.mark.slow
def test_a_disk_that_is_full_ends_a_stage_in_one_line(tmp_path: Path) -> None:
    """On a real disk without room for the images: no signal, no traceback, and nothing is left."""
    images.save(tmp_path / "sets" / "fgm", [random_set(1000)], count=1000)
    printed = in_a_small_disk(tmp_path, "3m")
    assert printed[0].startswith("augment: out: expected room for 6,272,128 bytes, got 3,")
    assert printed[1:] == ["exit 2", "params.yaml"]


@pytest.mark.fault("refused")
def test_a_copy_without_room_names_the_target(tmp_path: Path) -> None:
    """It is the workspace that is full, whatever was being read when that came out."""
    (tmp_path / "mine.npz").write_bytes(b"x" * 200_000)
    with pytest.raises(InputError) as caught, small_files(100_000):
        sources.fetch(str(tmp_path / "mine.npz"), tmp_path / "data" / "raw")
    assert str(caught.value) == f"{tmp_path / 'data' / 'raw'}: File too large"
    assert list((tmp_path / "data").iterdir()) == []


def flip(path: Path, at: int) -> None:
    """Flip a bit of a byte, counted from the end of a file, and leave its time stamp as it was."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(at, os.SEEK_END)
        (byte,) = file.read(1)
        file.seek(at, os.SEEK_END)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_mtime_ns, after.st_size, after.st_ino) == (before.st_mtime_ns, before.st_size, before.st_ino)


@pytest.mark.fault("refused")
@pytest.mark.parametrize(("name", "at"), [("images.npy", -3), ("labels.npy", -8)])
def test_a_flipped_byte_is_seen_though_time_and_size_stayed(tmp_path: Path, name: str, at: int) -> None:
    """DVC would take the file for unchanged: a pixel that is still in [0, 1], or a label of another class."""
    folder = tmp_path / "set"
    images.save(folder, [random_set(5)], count=5)
    flip(folder / name, at)
    with pytest.raises(InputError, match=f"^{folder}: expected what SHA256SUMS says, got other bytes"):
        images.load(folder)


@pytest.mark.fault("refused")
def test_a_set_of_another_program_needs_no_checksums(tmp_path: Path) -> None:
    """Two plain arrays are an image set; their values are checked all the same."""
    whole = random_set(5)
    np.save(tmp_path / "images.npy", whole.images)
    np.save(tmp_path / "labels.npy", whole.labels)
    assert np.array_equal(images.load(tmp_path).labels, whole.labels)
    np.save(tmp_path / "labels.npy", whole.labels - 10)
    with pytest.raises(InputError, match=r"expected labels in 0\.\.\.99999, got -10 to"):
        images.load(tmp_path)
