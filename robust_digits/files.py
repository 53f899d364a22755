"""Write files and folders so that nothing half-written ever stands under the final name."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what was written there takes the place of `path` when the block ends.

    If the block raises, what was written is removed and `path` is left as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.writing")
    _remove(temporary)
    try:
        yield temporary
        if temporary.is_dir() or path.is_dir():
            _swap(temporary, path)
        else:
            temporary.replace(path)
    finally:
        _remove(temporary)


def write(path: Path, text: str) -> None:
    """Write a text as UTF-8 with LF line ends, the same bytes on every platform."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _swap(temporary: Path, path: Path) -> None:
    """Put a folder in the place of a file or folder, or the other way round; no rename does that in one step."""
    earlier = path.with_name(f".{path.name}.earlier")
    _remove(earlier)
    if path.exists():
        path.replace(earlier)
    try:
        temporary.replace(path)
    except BaseException:
        if earlier.exists():
            earlier.replace(path)
        raise
    _remove(earlier)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
