"""Writing files and folders so that nothing half-written stands under the final name."""

from pathlib import Path

import pytest

from robust_digits.files import replacing


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


KINDS = pytest.mark.parametrize("write", [write_file, write_folder])


@KINDS
def test_what_the_block_wrote_stands_under_the_final_name(tmp_path: Path, write: "type[write_file]") -> None:
    """A new file or folder appears when the block ends, with the folders above it."""
    path = tmp_path / "deep" / "down" / "result"
    with replacing(path) as temporary:
        write(temporary, "new")
        assert not path.exists()
    assert content(path) == ["new"]
    assert list(path.parent.iterdir()) == [path]
