"""Writing files and folders so that nothing half-written stands under the final name."""

import errno
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from robust_digits.errors import InputError
from robust_digits.files import replacing

Write = Callable[[Path, str], None]


def write_file(path: Path, text: str) -> None:
    """Write a file that holds `text`."""
    path.write_text(text, encoding="utf-8")


def write_folder(path: Path, text: str) -> None:
    """Write a folder of one file that holds, and is named, `text`."""
    path.mkdir()
    write_file(path / text, text)


def content(path: Path) -> list[str]:
    """Return what a file, or every file of a folder, holds."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [file.read_text(encoding="utf-8") for file in files]


files_and_folders = pytest.mark.parametrize("write", [write_file, write_folder])


@files_and_folders
def test_what_the_block_wrote_stands_under_the_final_name(tmp_path: Path, write: Write) -> None:
    """A new file or folder appears when the block ends, not before, with the folders above it."""
    path = tmp_path / "deep" / "down" / "result"
    with replacing(path) as temporary:
        write(temporary, "new")
        assert not path.exists()
    assert content(path) == ["new"]
    assert list(path.parent.iterdir()) == [path]


@files_and_folders
def test_the_earlier_result_is_replaced_as_a_whole(tmp_path: Path, write: Write) -> None:
    """The earlier file or folder stands until the block ends, and nothing of it is left then."""
    path = tmp_path / "result"
    write(path, "old")
    with replacing(path) as temporary:
        write(temporary, "new")
        assert content(path) == ["old"]
    assert content(path) == ["new"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("first", "second"), [(write_file, write_folder), (write_folder, write_file)])
def test_a_file_and_a_folder_may_take_each_others_place(tmp_path: Path, first: Write, second: Write) -> None:
    """A stage that once wrote the one and now writes the other needs no cleaning up by hand."""
    path = tmp_path / "result"
    first(path, "old")
    with replacing(path) as temporary:
        second(temporary, "new")
    assert content(path) == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def fail_half_way(path: Path, write: Write, error: type[BaseException]) -> None:
    """Begin to replace a file or folder, and raise."""
    with replacing(path) as temporary:
        write(temporary, "half")
        raise error("half way")


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, SystemExit])
@files_and_folders
def test_a_block_that_raises_leaves_the_earlier_result(
    tmp_path: Path, write: Write, error: type[BaseException]
) -> None:
    """An error or Ctrl-C leaves the earlier file or folder as it was, no temporary one, and is passed on."""
    path = tmp_path / "result"
    write(path, "old")
    with pytest.raises(error, match="half way"):
        fail_half_way(path, write, error)
    assert content(path) == ["old"]
    assert list(tmp_path.iterdir()) == [path]


@files_and_folders
def test_a_block_that_raises_leaves_nothing_where_nothing_was(tmp_path: Path, write: Write) -> None:
    """A failed first attempt leaves no file at all."""
    with pytest.raises(ValueError, match="half way"):
        fail_half_way(tmp_path / "result", write, ValueError)
    assert list(tmp_path.iterdir()) == []


@files_and_folders
def test_a_block_that_writes_nothing_is_a_fault_that_loses_nothing(tmp_path: Path, write: Write) -> None:
    """Where there is nothing to put in its place, the earlier file or folder is left as it was."""
    path = tmp_path / "result"
    write(path, "old")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert content(path) == ["old"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("left", [write_file, write_folder])
@files_and_folders
@pytest.mark.fault("recovered")
def test_what_a_killed_run_left_is_no_obstacle(tmp_path: Path, write: Write, left: Write) -> None:
    """A temporary file or folder of a run that was killed is not mixed into the new result."""
    path = tmp_path / "result"
    with replacing(path) as temporary:
        write(temporary, "first")
    left(temporary, "killed")
    with replacing(path) as temporary:
        assert not temporary.exists()
        write(temporary, "second")
    assert content(path) == ["second"]
    assert list(tmp_path.iterdir()) == [path]


def fill(path: Path) -> None:
    """Begin to replace a file on a disk that is full."""
    with replacing(path) as temporary:
        temporary.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def misplace(path: Path) -> None:
    """Begin to replace a folder by what cannot be written below it."""
    with replacing(path) as temporary:
        (temporary / "images.npy").write_text("", encoding="utf-8")


@pytest.mark.fault("refused")
def test_what_the_system_refuses_is_named(tmp_path: Path) -> None:
    """A full disk does not say which file it is about, nor does a temporary name: the error has the final one."""
    with pytest.raises(InputError, match="result: No space left on device"):
        fill(tmp_path / "result")
    with pytest.raises(FileNotFoundError) as caught:
        misplace(tmp_path / "result")
    assert caught.value.filename == str(tmp_path / "result" / "images.npy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("recovered")
def test_two_that_write_the_same_path_do_not_disturb_each_other(tmp_path: Path) -> None:
    """One that ends while the other still writes takes nothing of it away; what the last one wrote stays."""
    path = tmp_path / "result"
    code = "import sys, pathlib; from robust_digits import files; files.write(pathlib.Path(sys.argv[1]), 'theirs')"
    with replacing(path) as temporary:
        write_file(temporary, "ours")
        subprocess.run([sys.executable, "-c", code, path], check=True, cwd=Path(__file__).parents[1])
        assert content(path) == ["theirs"]
    assert content(path) == ["ours"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.fault("recovered")
@pytest.mark.parametrize("vanishes", [True, False], ids=["what stood there goes", "another one comes"])
def test_a_folder_takes_its_place_while_others_write_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    vanishes: bool,  # noqa: FBT001 (pytest passes by name)
) -> None:
    """Two renames put a folder there; what another process does before the first or after it disturbs neither."""
    path = tmp_path / "result"
    write_folder(path, "old")
    rename = Path.replace

    def disturbed(this: Path, target: Path) -> Path:
        if this == path:
            monkeypatch.setattr(Path, "replace", rename)
            if vanishes:
                shutil.rmtree(path)
            else:
                rename(this, target)
                write_folder(path, "theirs")
                return target
        return rename(this, target)

    with replacing(path) as temporary:
        write_folder(temporary, "ours")
        monkeypatch.setattr(Path, "replace", disturbed)
    assert content(path) == ["ours"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("there", [True, False], ids=["to a folder", "to nothing"])
@files_and_folders
def test_a_link_is_replaced_and_not_followed(
    tmp_path: Path,
    write: Write,
    there: bool,  # noqa: FBT001 (pytest passes by name)
) -> None:
    """What it leads to stays as it is."""
    elsewhere = tmp_path / "elsewhere"
    if there:
        write_folder(elsewhere, "other")
    path = tmp_path / "here" / "result"
    path.parent.mkdir()
    path.symlink_to(elsewhere)
    with replacing(path) as temporary:
        write(temporary, "new")
    assert not path.is_symlink()
    assert content(path) == ["new"]
    assert list(path.parent.iterdir()) == [path]
    assert not there or content(elsewhere) == ["other"]


def left_by(process: int, path: Path, what: str) -> Path:
    """Return the name that a process of this machine gives what it writes in the place of `path`."""
    return path.with_name(f".{path.name}.{platform.node().partition('.')[0]}-{process}.{what}")


@pytest.fixture
def gone() -> int:
    """Return the number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


@files_and_folders
@pytest.mark.fault("recovered")
def test_what_killed_processes_left_is_cleared_away(tmp_path: Path, write: Write, gone: int) -> None:
    """Only what nobody writes any more: a process that lives, another machine and another path keep theirs."""
    path = tmp_path / "result"
    others = [
        left_by(os.getppid(), path, "writing"),
        path.with_name(f".result.elsewhere-{gone}.writing"),
        left_by(gone, path.with_name("results"), "writing"),
        path.with_name(".result.writing"),
    ]
    for other in (*others, left_by(gone, path, "writing")):
        write(other, "killed")
    left_by(gone, path, "earlier").symlink_to(tmp_path)
    write(path, "old")
    with replacing(path) as temporary:
        write(temporary, "new")
    assert content(path) == ["new"]
    assert sorted(tmp_path.iterdir()) == sorted([*others, path])


@pytest.mark.fault("recovered")
def test_a_folder_that_a_killed_process_moved_away_is_put_back(tmp_path: Path, gone: int) -> None:
    """Killed between the two steps of a swap, a process has moved the earlier folder away; a failure later keeps it."""
    path = tmp_path / "result"
    write_folder(left_by(gone, path, "earlier"), "old")
    write_folder(left_by(gone, path, "writing"), "half")
    with pytest.raises(ValueError, match="half way"):
        fail_half_way(path, write_folder, ValueError)
    assert content(path) == ["old"]
    assert list(tmp_path.iterdir()) == [path]
