"""Fetch a data set as published: known sets from mirrors, the user's own from a path or a URL.

The checksum decides, not the server: a known set is pinned to the SHA-256 of its files, a URL needs one.
"""

import hashlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import pooch

from robust_digits import cache
from robust_digits.data import archives, bundled, contents
from robust_digits.errors import InputError
from robust_digits.files import replacing

MIRRORS_VARIABLE = "ROBUST_DIGITS_MIRRORS"  # base URLs separated by spaces, tried before the built-in ones


@dataclass(frozen=True)
class Published:
    """A data set that is published as files under a base URL: the SHA-256 of each file, and who mirrors them."""

    mirrors: tuple[str, ...]
    sha256: dict[str, str]


PUBLISHED = {
    "mnist": Published(
        mirrors=(
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ),
        sha256={
            "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
    ),
    "fashion_mnist": Published(
        mirrors=(
            "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        ),
        sha256={
            "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
    ),
    "cifar10": Published(
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        sha256={"cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
    ),
}


def fetch(source: str, folder: Path, *, sha256: str | None = None) -> None:
    """Put the files of a data set, byte for byte as published, into a folder.

    `source` is `digits`, the name of a published set, a URL, or the path of a file or folder. `sha256` is the
    checksum of the one file of a URL (needed) or of a path (optional); that of a folder is the SHA-256 of what
    `sha256sum` prints of its files in the order of their names. Downloads are kept in the user's cache folder.
    Archives are unpacked, and of a folder only the files of its data set are copied.

    Raises
    ------
    InputError
        If the source is unknown or missing, holds no data set, a checksum differs, or no mirror delivers. `folder` is
        then untouched.
    """
    if sha256 is not None and (source == bundled.NAME or source in PUBLISHED):
        raise InputError(f"data.sha256: {source} has its checksums built in; expected null, got {sha256}")
    with replacing(folder) as temporary:
        temporary.mkdir()
        if source == bundled.NAME:
            _copy(_bundled_digits(), temporary, sha256=bundled.SHA256)
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
    return Path(package.origin).parent / "datasets" / "data" / bundled.FILE


def _published(source: str, folder: Path) -> None:
    published = PUBLISHED[source]
    mirrors = [*os.environ.get(MIRRORS_VARIABLE, "").split(), *published.mirrors]
    for name, sha256 in published.sha256.items():
        urls = [f"{mirror.rstrip('/')}/{name}" for mirror in mirrors]
        _put(_download(urls, sha256=sha256, folder=source), folder, name=name)


def _url(source: str, folder: Path, *, sha256: str | None) -> None:
    if sha256 is None:
        raise InputError(f"data.sha256 is missing: a URL needs the checksum of its file, data.source is {source}")
    name = _data(_name(source), where=source)
    _put(_download([source], sha256=sha256, folder=sha256), folder, name=name)


def _local(path: Path, folder: Path, *, sha256: str | None) -> None:
    if path.is_file():
        _data(path.name, where=path)
        _copy(path, folder, sha256=sha256)
    elif path.is_dir():
        _copy_folder(path, folder, sha256=sha256)
    else:
        raise InputError(f"data.source: expected {_legal()}, got {path}")


def _legal() -> str:
    return f"{', '.join([bundled.NAME, *PUBLISHED])}, a URL, or the path of a file or folder"


def _expanded(source: str) -> Path:
    try:
        return Path(source).expanduser()
    except RuntimeError as error:  # ~name, and there is no such user
        raise InputError(f"data.source: {source}: {error}") from None


def _put(path: Path, folder: Path, *, name: str) -> None:
    """Unpack a downloaded archive, or copy another file."""
    if name.endswith(archives.ENDINGS):
        archives.unpack(path, folder)
    else:
        shutil.copyfile(path, folder / name)


def _data(name: str, *, where: object) -> str:
    """Return the name of a file, which must be that of an archive or of a data set."""
    if not name.endswith(archives.ENDINGS):
        contents.recognize([name], where=where)
    return name


def _copy(path: Path, folder: Path, *, sha256: str | None) -> None:
    copy = folder / path.name
    shutil.copyfile(path, copy)
    _check(path, pooch.file_hash(str(copy)), sha256=sha256)
    if path.name.endswith(archives.ENDINGS):
        archives.unpack(copy, folder)
        copy.unlink()


def _copy_folder(path: Path, folder: Path, *, sha256: str | None) -> None:
    found = contents.inside(path)
    sums = hashlib.sha256()
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
    print(f"{path.name} has SHA-256 {found}")


def _download(urls: Sequence[str], *, sha256: str, folder: str) -> Path:
    """Return a file of the user's cache, downloaded from the first URL that delivers the right bytes."""
    failures = []
    for url in urls:
        name = _name(url)
        downloader = _downloader(url)
        cached = pooch.create(
            path=cache.folder(folder),
            base_url="",
            registry={name: f"sha256:{sha256.lower()}"},
            urls={name: url},
            retry_if_failed=1,
        )
        try:
            return Path(cached.fetch(name, downloader=downloader))
        except (OSError, ValueError) as error:  # what pooch and requests raise: no answer, or a wrong checksum
            failures.append(f"{url}: {' '.join(str(error).split())}")
    raise InputError(f"no server delivered {name}: " + "; ".join(failures))


def _name(url: str) -> str:
    """Return the last part of the path of a URL, which must name a file."""
    try:
        name = Path(unquote(urlsplit(url).path)).name
    except ValueError as error:
        raise InputError(f"not a URL: {url}: {error}") from None
    if name in {"", ".."}:
        raise InputError(f"expected the URL of a file, got {url}")
    return name


def _downloader(url: str) -> pooch.HTTPDownloader | Callable[[str, str, object], None]:
    """Return what copies a URL to a file; only schemes that nobody on the way can read or change are legal."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return lambda _url, output, _pooch: shutil.copyfile(url2pathname(parts.path), output)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost", "::1"}):
        return pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=30)
    raise InputError(f"expected an https:// or file:// URL, got {url}")
