"""Servers and files to fetch from, none of them on the web."""

import hashlib
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace

import pooch
import pytest

from robust_digits.data import sources
from robust_digits.data.sources import MIRRORS_VARIABLE
from robust_digits.errors import InputError


def sha256(content: bytes) -> str:
    """Return the checksum of a file's content."""
    return hashlib.sha256(content).hexdigest()


WRONG = sha256(b"something else")


class Asked(SimpleHTTPRequestHandler):
    """Serve the files of a folder, and write down what was asked for."""

    server: "Server"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002 (the base class's)
        """Write down the path instead of printing it."""
        self.server.asked.append(self.path)


class Server(HTTPServer):
    """A server of the files of one folder."""

    def __init__(self, folder: Path) -> None:
        """Listen on any free port of this machine."""
        super().__init__(("127.0.0.1", 0), partial(Asked, directory=str(folder)))
        self.folder = folder
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Return the folder to fetch into, which an earlier run has filled."""
    folder = tmp_path / "data" / "raw"
    folder.mkdir(parents=True)
    (folder / "earlier").write_bytes(b"earlier")
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's cache, proxies and mirrors out of the tests, and do not wait between attempts."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv(MIRRORS_VARIABLE, raising=False)
    monkeypatch.setattr(pooch.core, "time", SimpleNamespace(sleep=lambda _seconds: None))
    return tmp_path / "cache"


def content(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder, by its name from there."""
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def refusal(source: str, raw: Path, *, sha256: str | None = None) -> str:
    """Return the message that a source is refused with, which leaves the earlier files and nothing else."""
    with pytest.raises(InputError) as caught:
        sources.fetch(source, raw, sha256=sha256)
    assert content(raw) == {"earlier": b"earlier"}
    assert list(raw.parent.iterdir()) == [raw]
    assert "\n" not in str(caught.value)
    return str(caught.value)
