"""Unpack the data set in an archive: .zip, or .tar as it is or compressed."""

import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from robust_digits.data import contents
from robust_digits.errors import DAMAGED, InputError, first_line, named
from robust_digits.files import FULL, check_room

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
_MOST_MEMBERS = 2_000_000  # ImageNet has 1.4 million images
_BROKEN = (*DAMAGED, OSError, tarfile.TarError)


class _Member(NamedTuple):
    """A file in an archive: its size once unpacked, and how to read it."""

    size: int
    open: Callable[[], IO[bytes] | None]


def unpack(path: Path, folder: Path, *, where: object) -> None:
    """Write the files of the data set in an archive into a folder, without what is around them or beside.

    `where` is what messages call the archive: `path` may be a copy that is gone when they are read.

    Raises
    ------
    InputError
        If the archive is broken, holds no data set, would write outside of the folder or needs more room than there is.
    """
    try:
        with _opened(path, folder, where=where) as members:
            found = contents.recognize(members, where=where)
            taken = {name: members[str(PurePosixPath(found.around, name))] for name in found.names}
            check_room(folder, sum(member.size for member in taken.values()))
            for name, member in taken.items():
                _write(member, folder / name)
    except InputError:
        raise
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        raise InputError(f"{where}: expected an intact archive: {first_line(error)}") from None


def _write(member: _Member, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = member.open()
    if opened is None:
        raise tarfile.TarError(f"{named(path.name)} is no file")
    with opened, path.open("wb") as file:
        shutil.copyfileobj(opened, file)


@contextmanager
def _opened(path: Path, folder: Path, *, where: object) -> Iterator[dict[str, _Member]]:
    """Yield the files in an archive, which is to be unpacked into `folder`, by their names below its root."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as zipped:
            _check_count(len(zipped.infolist()), where=where)
            yield {
                _below(info.filename, where=where): _Member(info.file_size, partial(zipped.open, info))
                for info in zipped.infolist()
                if not info.is_dir()
            }
    else:
        with tarfile.open(path) as tarred:
            yield {
                _below(info.name, where=where): _Member(info.size, partial(tarred.extractfile, info))
                for info in _bounded(tarred, folder, where=where)
                if info.isreg()  # a link could lead out of the folder
            }


def _bounded(tarred: tarfile.TarFile, folder: Path, *, where: object) -> Iterator[tarfile.TarInfo]:
    """Yield what is in an archive, which is unpacked on the way: no more than a disk may hold, nor too many names."""
    size = 0
    for count, info in enumerate(tarred, start=1):
        size += info.size
        _check_count(count, where=where)
        check_room(folder, size)
        yield info


def _check_count(count: int, *, where: object) -> None:
    if count > _MOST_MEMBERS:
        raise InputError(f"{where}: expected {_MOST_MEMBERS:,} files at most, got more")


def _below(name: str, *, where: object) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise InputError(f"{where}: expected files below the root of the archive, got {named(name)}")
    return str(path)
