"""Writing files and folders so that nothing half-written stands under the final name."""

from collections.abc import Callable
from pathlib import Path

import pytest

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
