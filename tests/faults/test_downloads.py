"""Servers that lie, stall, never end or lead astray: the next mirror is asked, or one line says what each one did."""

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import pytest
import requests
from faults.fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st
from support.sources import WRONG, content, refusal, sha256

from robust_digits.data import catalogue, downloads, sources
from robust_digits.data.catalogue import Mirrored
from robust_digits.data.downloads import Limits
from robust_digits.errors import InputError

# http.client leaves the socket of an answer that is none to the garbage collector.
UNCLOSED = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
pytestmark = [pytest.mark.usefixtures("cache"), UNCLOSED]

ROOT = Path(__file__).parents[2]
BODY = b"images" * 100
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
Answer = Callable[[socket.socket, Event], None]
Serve = Callable[[Answer], str]


def sending(*parts: bytes) -> Answer:
    """Return what sends some bytes and hangs up."""

    def answer(client: socket.socket, _: Event) -> None:
        client.sendall(b"".join(parts))

    return answer


def forever(start: bytes, piece: bytes, *, every: float = 0) -> Answer:
    """Return what goes on sending until the client has enough, or the test."""

    def answer(client: socket.socket, over: Event) -> None:
        client.sendall(start)
        while not over.wait(every):
            client.sendall(piece)

    return answer


def reset(client: socket.socket, _: Event) -> None:
    """Send half a file and break the connection off."""
    client.sendall(OK % len(BODY) + BODY[:100])
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def silent(_: socket.socket, over: Event) -> None:
    """Take the question and say nothing."""
    over.wait()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that starts a server with one answer to everything, and gives its URL."""
    over = Event()
    listening = []

    def listen(server: socket.socket, answer: Answer) -> None:
        while not over.is_set():
            with suppress(OSError):  # it was closed, or the client went away
                client, _ = server.accept()
                Thread(target=reply, args=(client, answer), daemon=True).start()

    def reply(client: socket.socket, answer: Answer) -> None:
        with client, suppress(OSError):
            client.recv(2**16)
            answer(client, over)
            client.shutdown(socket.SHUT_WR)
            client.recv(2**16)  # what comes after is not answered, nor is the connection reset

    def start(answer: Answer) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)
        Thread(target=listen, args=(server, answer), daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield start
    over.set()
    for server in listening:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


@pytest.fixture(autouse=True, scope="module")
def garbage() -> Iterator[None]:
    """Leave no such socket to the tests of another module."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a piece of 64 KiB no longer than a moment."""
    monkeypatch.setattr(downloads, "LIMITS", Limits(size=10**6, seconds=2, piece=0.3))


def redirect(target: str) -> bytes:
    """Return an answer that leads elsewhere."""
    return b"HTTP/1.1 302 Found\r\nLocation: %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % target.encode()


PAGE = b"<html>404 Not Found</html>"
BAD: dict[str, tuple[Answer, str]] = {
    "a page of an error": (sending(OK % len(PAGE), PAGE), "does not match the known hash"),
    "404": (sending(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "404"),
    "an error in colours": (
        sending(b"HTTP/1.1 404 \x1b[31mNo\r\nContent-Length: 0\r\n\r\n"),
        "404 Client Error: \\x1b[31mNo",
    ),
    "500": (sending(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), "500"),
    "another file": (sending(OK % 5, b"other"), "does not match the known hash"),
    "half a file": (sending(OK % len(BODY), BODY[:300]), "300 bytes read, 300 more expected"),
    "half a file, no length": (
        sending(b"HTTP/1.0 200 OK\r\n\r\n", BODY[:300]),
        "does not match the known hash",
    ),
    "more than its length": (sending(OK % 10, BODY), "does not match the known hash"),
    "a length that is none": (sending(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", BODY[:9]), ""),
    "broken chunks": (sending(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), ""),
    "broken compression": (sending(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", BODY), ""),
    "no answer": (sending(), ""),
    "another protocol": (sending(b"SSH-2.0-OpenSSH_9.6\r\n"), ""),
    "a broken connection": (reset, ""),
    "silence": (silent, ""),
    "an endless body": (
        forever(b"HTTP/1.1 200 OK\r\n\r\n", bytes(2**16)),
        "expected 1,000,000 bytes at most, got",
    ),
    "an endless line": (forever(b"HTTP/1.1 200 OK\r\n", b"X" * 2**16), ""),
    "endless headers": (forever(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), ""),
    "a slow body": (forever(OK % len(BODY), b"x", every=0.02), "every 0.3 s and all of them within 2 s"),
    "slow headers": (forever(b"HTTP/1.1 200 OK\r\nX: ", b"x", every=0.02), "every 0.3 s and all of them within 2 s"),
    "redirects to others": (sending(redirect("http://example.org/images.npz")), "expected a redirect to https://, got"),
    "redirects to a file": (sending(redirect("file:///etc/hostname")), "expected a redirect to https://, got file:"),
    "redirects without an end": (sending(redirect("/images.npz")), "Exceeded 5 redirects"),
}


@pytest.mark.fault("refused")
@pytest.mark.parametrize(("answer", "words"), BAD.values(), ids=BAD)
def test_a_bad_server_is_one_line(serve: Serve, raw: Path, cache: Path, answer: Answer, words: str) -> None:
    """It has the URL and what was wrong; nothing is used, and nothing is left in the user's cache."""
    url = f"{serve(answer)}/images.npz"
    message = refusal(url, raw, sha256=WRONG)
    assert message.startswith(f"no server delivered images.npz: {url}: ")
    assert words in message
    assert message.isprintable()
    assert content(cache) == {}


@pytest.mark.fault("recovered")
@pytest.mark.parametrize("answer", [each for each, _ in BAD.values()], ids=BAD)
def test_the_next_mirror_stands_in_for_a_bad_server(
    serve: Serve, raw: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    """Whatever the first one does."""
    good = serve(sending(OK % len(BODY), BODY))
    toys = Mirrored(mirrors=(serve(answer), good), sha256={"images.npz": sha256(BODY)})
    monkeypatch.setitem(catalogue.PUBLISHED, "toys", toys)
    sources.fetch("toys", raw)
    assert content(raw) == {"images.npz": BODY}


@pytest.mark.fault("recovered")
def test_a_steady_server_may_take_its_time(serve: Serve, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is each piece, and then the whole: this one takes longer than a piece may."""
    monkeypatch.setattr(downloads, "_PIECE", 100)

    def steady(client: socket.socket, _: Event) -> None:
        client.sendall(OK % len(BODY))
        for start in range(0, len(BODY), 100):
            client.sendall(BODY[start : start + 100])
            time.sleep(0.1)

    sources.fetch(f"{serve(steady)}/images.npz", raw, sha256=sha256(BODY))
    assert content(raw) == {"images.npz": BODY}


@pytest.mark.fault("refused")
def test_a_file_that_drips_is_given_up(serve: Serve, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it would be right in the end, and the whole download may take as long as it likes."""
    monkeypatch.setattr(downloads, "LIMITS", Limits(size=10**6, seconds=3600, piece=0.3))

    def dripping(client: socket.socket, _: Event) -> None:
        client.sendall(OK % 40)
        for at in range(40):
            client.sendall(BODY[at : at + 1])
            time.sleep(0.05)

    message = refusal(f"{serve(dripping)}/images.npz", raw, sha256=sha256(BODY[:40]))
    assert message.endswith("expected 65,536 bytes every 0.3 s and all of them within 3600 s, got less")


@pytest.mark.fault("refused")
def test_a_whole_download_has_an_end(serve: Serve, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is just quick enough with each piece does not go on for ever."""
    monkeypatch.setattr(downloads, "_PIECE", 1)
    monkeypatch.setattr(downloads, "LIMITS", Limits(size=10**6, seconds=0.5, piece=0.3))
    url = f"{serve(forever(OK % len(BODY), b'x', every=0.05))}/images.npz"
    assert "all of them within 0.5 s" in refusal(url, raw, sha256=WRONG)


def test_a_redirect_is_followed_to_where_nobody_can_read(serve: Serve, raw: Path) -> None:
    """From one server of this machine to another one of it."""
    there = f"{serve(sending(OK % len(BODY), BODY))}/other"
    sources.fetch(f"{serve(sending(redirect(there)))}/images.npz", raw, sha256=sha256(BODY))
    assert content(raw) == {"images.npz": BODY}


@pytest.mark.parametrize(
    ("asked", "location", "legal"),
    [
        ("https://example.org/a", "https://other.org/a", True),
        ("https://example.org/a", "/b", True),
        ("https://example.org/a", "http://example.org/a", False),
        ("https://example.org/a", "http://127.0.0.1/a", False),
        ("https://example.org/a", "https://127.0.0.1:8443/a", False),
        ("http://127.0.0.1/a", "https://localhost:8443/a", True),
        ("http://127.0.0.1/a", "http://localhost:8000/a", True),
        ("http://127.0.0.1/a", "http://example.org/a", False),
    ],
)
def test_where_a_redirect_may_lead(asked: str, location: str, legal: bool) -> None:  # noqa: FBT001 (pytest passes by name)
    """Neither to where others can read, nor from the web to services of this machine."""
    answer = requests.Response()
    answer.status_code, answer.url = 302, asked
    answer.headers["location"] = location
    if legal:
        downloads._check_redirect(answer)  # noqa: SLF001 (no server here speaks https)
    else:
        with pytest.raises(requests.exceptions.InvalidURL):
            downloads._check_redirect(answer)  # noqa: SLF001


def raising(error: Exception) -> Callable[..., None]:
    """Return a function that ends in an error."""

    def broken(*_: object, **__: object) -> None:
        raise error

    return broken


@pytest.mark.fault("recovered")
@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), PermissionError(13, "Permission denied", "x"), InputError("x: full")],
)
def test_a_cache_that_cannot_be_written_loses_no_download(
    serve: Serve, raw: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A line says that the next run downloads again."""
    monkeypatch.setattr(shutil, "copyfile", raising(error))
    sources.fetch(f"{serve(sending(OK % len(BODY), BODY))}/images.npz", raw, sha256=sha256(BODY))
    assert content(raw) == {"images.npz": BODY}
    assert capsys.readouterr().err.count("; the next run downloads again\n") == 1


@pytest.mark.fault("refused")
def test_a_full_disk_is_not_blamed_on_the_server(serve: Serve, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names the folder that there is no room in, and no server."""
    monkeypatch.setattr(downloads, "tqdm", raising(OSError(28, "No space left on device")))
    message = refusal(f"{serve(sending(OK % len(BODY), BODY))}/images.npz", raw, sha256=sha256(BODY))
    assert message == f"{raw}: No space left on device"


@pytest.mark.fault("refused")
def test_a_download_leaves_half_of_the_room(serve: Serve, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endless body ends before the disk is full, whatever the largest download may be."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5000))
    url = f"{serve(forever(b'HTTP/1.1 200 OK' + bytes([13, 10] * 2), bytes(1000)))}/images.npz"
    assert "expected 2,500 bytes at most, got more" in refusal(url, raw, sha256=WRONG)


KILLED = """
from pathlib import Path
from robust_digits.data import sources
sources.fetch({url!r}, Path("raw"), sha256={sha256!r})
"""


@pytest.mark.fault("recovered")
def test_a_killed_download_leaves_nothing_in_the_cache(serve: Serve, tmp_path: Path, cache: Path) -> None:
    """What it leaves in the workspace is removed by the next one."""
    begun = Event()

    def half(client: socket.socket, over: Event) -> None:
        client.sendall(OK % len(BODY) + BODY[:300])
        begun.set()
        over.wait()

    script = KILLED.format(url=f"{serve(half)}/images.npz", sha256=sha256(BODY))
    running = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    assert begun.wait(60)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    assert content(cache) == {}
    assert list(tmp_path.glob(".raw.*.writing"))
    sources.fetch(f"{serve(sending(OK % len(BODY), BODY))}/images.npz", tmp_path / "raw", sha256=sha256(BODY))
    assert content(tmp_path / "raw") == {"images.npz": BODY}
    assert not list(tmp_path.glob(".raw.*.writing"))


HEADS = st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 302 Found\r\nLocation: ", OK % 10, b"HTTP/1.0 "])


@pytest.mark.fault("refused")
@examples(200)
@given(HEADS, st.binary(max_size=60))
def test_any_answer_is_one_line(head: bytes, rest: bytes) -> None:
    """Whatever bytes a server sends, they are not the file."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    client, _ = server.accept()
                    with client, suppress(OSError):
                        client.recv(2**16)
                        client.sendall(head + rest)

        Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/images.npz"
        with pytest.raises(InputError) as caught:
            downloads.obtain([url], sha256=WRONG, kept=Path("none"), folder=Path(os.environ["XDG_CACHE_HOME"]))
        server.shutdown(socket.SHUT_RDWR)
    assert "\n" not in str(caught.value)
