"""Download a file that is known by its checksum: no more, no slower and no longer than it may be.

Only connections that nobody on the way can read or change are used. What has arrived is written to the workspace, and
kept in the user's cache when it is whole and right: a download that is killed leaves nothing there, and a copy to there
that is killed what the next one clears away.
"""

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Thread
from urllib.parse import SplitResult, unquote, urljoin, urlsplit
from urllib.request import url2pathname

import pooch
import requests
from tqdm import tqdm

from robust_digits.cache import place
from robust_digits.errors import InputError, in_one_line
from robust_digits.files import FULL

_PIECE = 2**16  # bytes
_LOCAL = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Limits:
    """How many bytes a download may have, how many seconds it may take, and a piece of 64 KiB of it.

    A mirror that sends a kilobyte a second is down for whoever waits, though it never falls silent.
    """

    size: int = 2**34
    seconds: float = 3600
    piece: float = 60


LIMITS = Limits()


def obtain(urls: Sequence[str], *, sha256: str, kept: Path, folder: Path) -> Path:
    """Return the file of that checksum in the folder `kept`, or else in `folder`, from the first URL that delivers it.

    Raises
    ------
    InputError
        If a URL is not legal or no server delivers.
    """
    for url in urls:
        if not _private(url):
            raise InputError(f"expected an https:// or file:// URL, got {url}")
    name = file_name(urls[0])
    if (kept / name).is_file() and pooch.file_hash(str(kept / name)) == sha256.lower():
        return kept / name
    failures = []
    for url in urls:
        cached = pooch.create(
            path=folder, base_url="", registry={name: f"sha256:{sha256.lower()}"}, urls={name: url}, retry_if_failed=1
        )
        try:
            path = Path(cached.fetch(name, downloader=_copy if urlsplit(url).scheme == "file" else _stream))
        except (OSError, ValueError) as error:  # no answer, too much, too slow, or a wrong checksum
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            failures.append(f"{url}: {in_one_line(error)}")
        else:
            place.keep(kept / name, partial(shutil.copyfile, path), otherwise="the next run downloads again")
            return path
    raise InputError(f"no server delivered {name}: " + "; ".join(failures))


def file_name(url: str) -> str:
    """Return the last part of the path of a URL, which must name a file."""
    name = Path(unquote(_parsed(url).path)).name
    if name in {"", ".."}:
        raise InputError(f"expected the URL of a file, got {url}")
    return name


def _parsed(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise InputError(f"not a URL: {url}: {error}") from None


def _private(url: str) -> bool:
    """Return whether nobody on the way to a URL can read or change what comes from there."""
    parts = _parsed(url)
    return parts.scheme in {"https", "file"} or (parts.scheme == "http" and parts.hostname in _LOCAL)


def _copy(url: str, output: str, _pooch: object) -> None:
    shutil.copyfile(url2pathname(urlsplit(url).path), output)


def _stream(url: str, output: str, _pooch: object) -> None:
    """Write what a server sends to a file.

    Raises
    ------
    OSError
        If there is no answer, or more of it, or more slowly, than `LIMITS` allow.
    """
    most = min(LIMITS.size, shutil.disk_usage(Path(output).parent).free // 2)  # it is copied into the cache, too
    size = 0
    bar = tqdm(unit="B", unit_scale=True, leave=False, disable=not sys.stderr.isatty())
    with bar, Path(output).open("wb") as file:
        for piece in _pieces(url):
            size += len(piece)
            if size > most:
                raise OSError(f"expected {most:,} bytes at most, got more")
            file.write(piece)
            bar.update(len(piece))


def _pieces(url: str) -> Iterator[bytes]:
    """Yield what a server sends; a thread waits for it, because a socket's timeout begins anew with every byte."""
    queue: Queue[bytes | Exception | None] = Queue(maxsize=4)
    Thread(target=_receive, args=(url, queue, LIMITS.piece), daemon=True).start()
    end = time.monotonic() + LIMITS.seconds
    while True:
        wait = min(LIMITS.piece, end - time.monotonic())
        try:
            piece = queue.get(timeout=max(wait, 0))
        except Empty:
            told = f"{_PIECE:,} bytes every {LIMITS.piece:g} s and all of them within {LIMITS.seconds:g} s"
            raise TimeoutError(f"expected {told}, got less") from None
        if piece is None:
            return
        if isinstance(piece, Exception):
            raise piece
        yield piece


def _receive(url: str, queue: "Queue[bytes | Exception | None]", wait: float) -> None:
    """Put what a server sends into a queue, piece by piece, and None at its end; end when nobody takes it any more."""
    with suppress(Full):
        try:
            with requests.Session() as session:
                session.max_redirects = 5
                session.hooks["response"].append(_check_redirect)
                with session.get(url, stream=True, timeout=wait) as answer:
                    answer.raise_for_status()
                    for piece in answer.iter_content(_PIECE):
                        queue.put(piece, timeout=wait)
            queue.put(None, timeout=wait)
        except (OSError, ValueError) as error:  # of the network: told by whoever waits
            answered = getattr(error, "response", None)
            if answered is not None:  # to a question that led elsewhere
                answered.close()
            queue.put(error, timeout=wait)


def _check_redirect(answer: requests.Response, **_: object) -> None:
    """Refuse to be led to where others can read, or from the web to this machine."""
    if answer.is_redirect:
        target = urljoin(answer.url, answer.headers["location"])
        asked, led = urlsplit(answer.url), urlsplit(target)
        local = led.hostname in _LOCAL
        if (local and asked.hostname not in _LOCAL) or led.scheme not in ({"http", "https"} if local else {"https"}):
            raise requests.exceptions.InvalidURL(f"expected a redirect to https://, got {target}", response=answer)
