"""Fetch a data set as published: known sets from mirrors, the user's own from a path or a URL.

The checksum decides, not the server: a known set is pinned to the SHA-256 of its files, a URL needs one.
"""

import hashlib
import importlib.util
import os
import shutil
from pathlib import Path

import pooch

from robust_digits.cache import place
from robust_digits.data import archives, catalogue, contents, downloads
from robust_digits.data.catalogue import PUBLISHED
from robust_digits.errors import InputError, named
from robust_digits.files import check_room, replacing

MIRRORS_VARIABLE = "ROBUST_DIGITS_MIRRORS"  # base URLs separated by spaces, tried before the built-in ones


def fetch(source: str, folder: Path, *, sha256: str | None = None) -> None:
    """Put the files of a data set, byte for byte as published, into a folder.

    `source` is `digits`, the name of a published set, a URL, or the path of a file or folder. `sha256` is the
    checksum of the one file of a URL (needed) or of a path (optional); that of a folder is the SHA-256 of what
    `sha256sum` prints of its files in the order of their names. Downloads are kept in the user's cache folder.
    Archives are unpacked, and of a folder only the files of its data set are copied.

    Raises
    ------
    InputError
        If the source is unknown or missing, holds no data set, a checksum differs, no mirror delivers, or the disk is
        full. `folder` is then untouched.
    """
    if sha256 is not None and (source == catalogue.DIGITS or source in PUBLISHED):
        raise InputError(f"data.sha256: {source} has its checksums built in; expected null, got {sha256}")
    with replacing(folder) as temporary:
        temporary.mkdir()
        if source == catalogue.DIGITS:
            _copy(_bundled_digits(), temporary, sha256=catalogue.DIGITS_SHA256)
        elif source in PUBLISHED:
            _published(source, temporary)
        elif not source:
            raise InputError(f"data.source: expected {_legal()}, got nothing")
        elif "://" in source:
            _url(source, temporary, sha256=sha256)
        else:
            _local(_expanded(source), temporary, sha256=sha256)


def _bundled_digits() -> Path:
    """Return where scikit-learn keeps its digits, without the second that importing it takes."""
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise InputError("data.source: digits ship inside scikit-learn, which is not installed; run `make repro`")
    return Path(package.origin).parent / "datasets" / "data" / catalogue.DIGITS_FILE


def _published(source: str, folder: Path) -> None:
    published = PUBLISHED[source]
    mirrors = [*os.environ.get(MIRRORS_VARIABLE, "").split(), *published.mirrors]
    for name, sha256 in published.sha256.items():
        urls = [f"{mirror.rstrip('/')}/{name}" for mirror in mirrors]
        path = downloads.obtain(urls, sha256=sha256, kept=place.folder(source), folder=folder)
        _put(path, folder, where=f"{source}: {name}")


def _url(source: str, folder: Path, *, sha256: str | None) -> None:
    if sha256 is None:
        raise InputError(f"data.sha256 is missing: a URL needs the checksum of its file, data.source is {source}")
    _data(downloads.file_name(source), where=source)
    path = downloads.obtain([source], sha256=sha256, kept=place.folder(sha256), folder=folder)
    _put(path, folder, where=source)


def _local(path: Path, folder: Path, *, sha256: str | None) -> None:
    if path.is_file():
        _data(path.name, where=path)
        _copy(path, folder, sha256=sha256)
    elif path.is_dir():
        _copy_folder(path, folder, sha256=sha256)
    else:
        raise InputError(f"data.source: expected {_legal()}, got {path}")


def _legal() -> str:
    return f"{', '.join([catalogue.DIGITS, *PUBLISHED])}, a URL, or the path of a file or folder"


def _expanded(source: str) -> Path:
    try:
        return Path(source).expanduser()
    except RuntimeError as error:  # ~name, and there is no such user
        raise InputError(f"data.source: {source}: {error}") from None


def _put(path: Path, folder: Path, *, where: object) -> None:
    """Copy a file into a folder, unless it is there; have what is in an archive, `where` in messages, in its place."""
    there = path.parent == folder
    if path.name.endswith(archives.ENDINGS):
        archives.unpack(path, folder, where=where)
        if there:
            path.unlink()
    elif not there:
        check_room(folder, path.stat().st_size)
        shutil.copyfile(path, folder / path.name)


def _data(name: str, *, where: object) -> None:
    """Refuse a file whose name is neither that of an archive nor of a data set."""
    if not name.endswith(archives.ENDINGS):
        contents.recognize([name], where=where)


def _copy(path: Path, folder: Path, *, sha256: str | None) -> None:
    copy = folder / path.name
    check_room(folder, path.stat().st_size)
    shutil.copyfile(path, copy)
    _check(path, pooch.file_hash(str(copy)), sha256=sha256)
    _put(copy, folder, where=path)


def _copy_folder(path: Path, folder: Path, *, sha256: str | None) -> None:
    found = contents.inside(path)
    sums = hashlib.sha256()
    check_room(folder, sum(file.stat().st_size for file in found.files(path)))
    for name, file in zip(found.names, found.files(path), strict=True):
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
        sums.update(f"{pooch.file_hash(str(copy))}  {name}\n".encode())
    _check(path, sums.hexdigest(), sha256=sha256)


def _check(path: Path, found: str, *, sha256: str | None) -> None:
    """Print the checksum that was found, or raise `InputError` if another was expected."""
    if sha256 is not None and found != sha256.lower():
        raise InputError(f"{path}: expected SHA-256 {sha256}, got {found}")
    print(f"{named(path.name)} has SHA-256 {found}")
