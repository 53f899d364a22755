"""Write files and folders so that nothing half-written ever stands under the final name."""

import errno
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from robust_digits.errors import InputError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # a disk, a quota, or a limit of one file's size
_TAKEN = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR}  # by what no rename takes the place of
_BLOCK = 2**20
_WRITING, _EARLIER = "writing", "earlier"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what was written there takes the place of `path` when the block ends.

    If the block raises, what was written is removed and `path` is left as it was; an error of the system names `path`
    then. Processes that write one path do not disturb each other: what the last one wrote stays. What killed ones have
    left is cleared away.

    Raises
    ------
    InputError
        If there is no room, naming `path`: the system names no file, or the one that was being read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear(path)
    temporary = _beside(path, _WRITING)
    _remove(temporary)
    try:
        yield temporary
        _put(temporary, path)
    except OSError as error:
        if error.errno in FULL:
            raise InputError(f"{path}: {error.strerror}") from error
        if error.filename is not None:
            error.filename = str(error.filename).replace(str(temporary), str(path))
        raise
    finally:
        _remove(temporary)


def check_place(path: Path) -> None:
    """Raise the error that `replacing` would end in, unless a file or folder can be written beside `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path, _WRITING)
    temporary.touch()
    temporary.unlink()


def check_room(folder: Path, size: int) -> None:
    """Raise an error of a full disk, as a write would after a while, unless a folder has room for so many bytes."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise OSError(errno.ENOSPC, f"expected room for {size:,} bytes, got {free:,}", str(folder))


def allocate(file: IO[bytes], size: int) -> None:
    """Give a file `size` bytes of the disk, so that writing to a memory map of it cannot fail: that would be SIGBUS.

    What the file holds stays as it is; the rest is zeros. OSError if there is no room.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:  # macOS: a file that was written to the end has all its blocks
        for start in range(file.seek(0, os.SEEK_END), size, _BLOCK):
            file.write(bytes(min(_BLOCK, size - start)))


def write(path: Path, text: str) -> None:
    """Write a text as UTF-8 with LF line ends, the same bytes on every platform."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _put(temporary: Path, path: Path) -> None:
    """Rename a file or folder; where a folder is concerned, what stands there must be moved away first."""
    earlier = _beside(path, _EARLIER)
    _remove(earlier)
    try:
        while not _renamed(temporary, path):
            _remove(earlier)
            with suppress(FileNotFoundError):  # another process has just moved it away
                path.replace(earlier)
    except BaseException:
        if os.path.lexists(earlier) and not os.path.lexists(path):
            earlier.replace(path)
        raise
    _remove(earlier)


def _renamed(temporary: Path, path: Path) -> bool:
    """Return whether a rename was possible; where it was not, something stands there: whoever put it there."""
    try:
        temporary.replace(path)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        return False
    return True


def _beside(path: Path, what: str) -> Path:
    """Return a name that is this process's own; by it others know when nobody needs the file any more."""
    return path.with_name(f"{_start(path)}{os.getpid()}.{what}")


def _clear(path: Path) -> None:
    """Remove what killed processes of this machine have left beside `path`.

    One that was killed between the two steps of a swap had moved the earlier result away: it is put back.
    """
    for left in sorted(path.parent.iterdir()):  # what is earlier comes before what was being written
        number, _, what = left.name.removeprefix(_start(path)).partition(".")
        if not left.name.startswith(_start(path)) or not number.isdecimal() or _runs(int(number)):
            continue
        if what == _EARLIER and not os.path.lexists(path):
            left.replace(path)
        elif left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)  # another process may be at it
        else:
            left.unlink(missing_ok=True)


def _start(path: Path) -> str:
    """Return how temporary names begin: with the machine or container too, for several may share a folder."""
    return f".{path.name}.{platform.node().partition('.')[0]}-"


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _remove(path: Path) -> None:
    """Remove a file or folder, or a link, and not what it leads to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
