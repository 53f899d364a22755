"""Fetching data sets as published, from scikit-learn, servers and the user's own files."""

import hashlib
import socket
from collections.abc import Callable, Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pooch
import pytest
import sklearn

from robust_digits.data import sources
from robust_digits.data.sources import MIRRORS_VARIABLE, PUBLISHED, Published
from robust_digits.errors import InputError

FILES = {"images.bin": b"images" * 100, "labels.bin": b"labels" * 10}


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


Serve = Callable[..., Server]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Return a function that starts a server of files."""
    running: list[tuple[Server, Thread]] = []

    def start(**files: bytes) -> Server:
        folder = tmp_path / f"server{len(running)}"
        folder.mkdir()
        for name, content in {**FILES, **files}.items():
            (folder / name).write_bytes(content)
        server = Server(folder)
        thread = Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def dead() -> Iterator[str]:
    """Return the URL of a port that refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's cache, proxies and mirrors out of the tests, and do not wait between attempts."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv(MIRRORS_VARIABLE, raising=False)
    monkeypatch.setattr(pooch.core, "time", SimpleNamespace(sleep=lambda _seconds: None))
    return tmp_path / "cache"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Return the folder to fetch into, which an earlier run has filled."""
    folder = tmp_path / "data" / "raw"
    folder.mkdir(parents=True)
    (folder / "earlier").write_bytes(b"earlier")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file in a folder."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def refusal(source: str, raw: Path, *, sha256: str | None = None) -> str:
    """Return the message that a source is refused with, which leaves the earlier files and nothing else."""
    with pytest.raises(InputError) as caught:
        sources.fetch(source, raw, sha256=sha256)
    assert content(raw) == {"earlier": b"earlier"}
    assert list(raw.parent.iterdir()) == [raw]
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes `toys` a published set with the given mirrors."""

    def published(*mirrors: str) -> None:
        pinned = {name: sha256(content) for name, content in FILES.items()}
        monkeypatch.setitem(PUBLISHED, "toys", Published(mirrors=mirrors, sha256=pinned))

    return published


Publish = Callable[..., None]


# The digits that ship inside scikit-learn


def test_the_digits_are_those_of_scikit_learn(raw: Path) -> None:
    """The file is scikit-learn's, byte for byte, and takes the place of what was there."""
    sources.fetch("digits", raw)
    bundled = Path(sklearn.__file__).parent / "datasets" / "data" / "digits.csv.gz"
    assert content(raw) == {"digits.csv.gz": bundled.read_bytes()}


def test_the_digits_are_pinned(raw: Path) -> None:
    """The bytes are the ones that every number in this repository was computed from."""
    sources.fetch("digits", raw)
    assert (
        sha256((raw / "digits.csv.gz").read_bytes())
        == "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
    )


def test_other_digits_in_scikit_learn_are_refused(tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should scikit-learn change the file, nobody computes with it unawares."""
    changed = tmp_path / "digits.csv.gz"
    changed.write_bytes(b"changed")
    monkeypatch.setattr(sources, "_bundled_digits", lambda: changed)
    message = refusal("digits", raw)
    assert message.startswith(f"{changed}: expected SHA-256 09f66e6d")
    assert message.endswith(f"got {sha256(b'changed')}")


@pytest.mark.parametrize("source", ["digits", *PUBLISHED])
def test_a_checksum_for_a_pinned_set_is_refused(raw: Path, source: str) -> None:
    """A set that has its checksums built in needs no other: the parameter would be silently ignored."""
    assert refusal(source, raw, sha256=WRONG) == (
        f"data.sha256: {source} has its checksums built in; expected null, got {WRONG}"
    )


# The user's own file or folder


def test_a_file_is_copied(tmp_path: Path, raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a checksum any file will do; the one found is printed, to be written down."""
    path = tmp_path / "mine.npz"
    path.write_bytes(b"mine")
    sources.fetch(str(path), raw)
    assert content(raw) == {"mine.npz": b"mine"}
    assert capsys.readouterr().out == f"{path.name} has SHA-256 {sha256(b'mine')}\n"


@pytest.mark.parametrize("spelt", [str.lower, str.upper])
def test_a_file_with_the_right_checksum_is_copied(tmp_path: Path, raw: Path, spelt: Callable[[str], str]) -> None:
    """Small and capital letters are the same number."""
    path = tmp_path / "mine.npz"
    path.write_bytes(b"mine")
    sources.fetch(str(path), raw, sha256=spelt(sha256(b"mine")))
    assert content(raw) == {"mine.npz": b"mine"}


def test_a_file_with_a_wrong_checksum_is_refused(tmp_path: Path, raw: Path) -> None:
    """The message has the path, the checksum expected and the one found; nothing is left behind."""
    path = tmp_path / "mine.npz"
    path.write_bytes(b"mine")
    assert refusal(str(path), raw, sha256=WRONG) == f"{path}: expected SHA-256 {WRONG}, got {sha256(b'mine')}"


def test_the_files_of_a_folder_are_copied(tmp_path: Path, raw: Path) -> None:
    """Every file is, but hidden ones and folders."""
    folder = tmp_path / "mine"
    (folder / "inner").mkdir(parents=True)
    for name in ("a.csv", "b.csv", ".DS_Store", "inner/c.csv"):
        (folder / name).write_text(name, encoding="utf-8")
    sources.fetch(str(folder), raw)
    assert content(raw) == {"a.csv": b"a.csv", "b.csv": b"b.csv"}


def test_a_checksum_for_a_folder_is_refused(tmp_path: Path, raw: Path) -> None:
    """A checksum is of one file."""
    folder = tmp_path / "mine"
    folder.mkdir()
    assert (
        refusal(str(folder), raw, sha256=WRONG) == f"data.sha256: expected null for a folder, got {WRONG} for {folder}"
    )


def test_the_home_folder_may_be_a_tilde(tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path in params.yaml is written as in a shell."""
    (tmp_path / "mine.npz").write_bytes(b"mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    sources.fetch("~/mine.npz", raw)
    assert content(raw) == {"mine.npz": b"mine"}


@pytest.mark.parametrize("source", ["no/such/file.npz", "mnits", "~no_such_user/mine.npz", "null\0byte"])
def test_a_path_to_nothing_is_refused(raw: Path, source: str) -> None:
    """The message has the parameter, every legal kind of value, and what was given."""
    message = refusal(source, raw)
    assert message.startswith("data.source: ")
    assert source in message


def test_a_misspelt_name_is_answered_with_the_legal_ones(raw: Path) -> None:
    """Whoever writes `mnits` sees `mnist` in the message."""
    assert refusal("mnits", raw) == (
        "data.source: expected digits, mnist, fashion_mnist, a URL, or the path of a file or folder, got mnits"
    )


def test_nothing_is_no_source(tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty value does not mean the current folder."""
    (tmp_path / "private").write_bytes(b"private")
    monkeypatch.chdir(tmp_path)
    assert refusal("", raw).startswith("data.source: expected digits, mnist")


# URLs


def test_a_url_is_fetched_once(serve: Serve, raw: Path) -> None:
    """A file with the right checksum is kept: a second run does not ask the server again."""
    server = serve()
    url, checksum = f"{server.url}/images.bin", sha256(FILES["images.bin"])
    for _ in range(2):
        sources.fetch(url, raw, sha256=checksum)
        assert content(raw) == {"images.bin": FILES["images.bin"]}
    assert server.asked == ["/images.bin"]


def test_a_file_url_is_copied(tmp_path: Path, raw: Path) -> None:
    """A file:// URL with escaped characters names a file of this machine."""
    path = tmp_path / "my data" / "größe 100%.npz"
    path.parent.mkdir()
    path.write_bytes(b"mine")
    sources.fetch(path.as_uri(), raw, sha256=sha256(b"mine"))
    assert content(raw) == {path.name: b"mine"}


def test_a_url_with_a_wrong_checksum_is_refused(serve: Serve, raw: Path, cache: Path) -> None:
    """The message has the URL; what was downloaded is neither used nor kept."""
    url = f"{serve().url}/images.bin"
    message = refusal(url, raw, sha256=WRONG)
    assert message.startswith(f"no server delivered images.bin: {url}: ")
    assert WRONG in message
    assert [file for file in cache.rglob("*") if file.is_file()] == []


def test_a_url_without_a_checksum_is_refused(serve: Serve, raw: Path) -> None:
    """The server is not even asked: a URL that promises nothing could deliver anything."""
    server = serve()
    url = f"{server.url}/images.bin"
    assert refusal(url, raw) == (f"data.sha256 is missing: a URL needs the checksum of its file, data.source is {url}")
    assert server.asked == []


def test_a_file_url_to_nothing_is_refused(tmp_path: Path, raw: Path) -> None:
    """The message has the URL."""
    url = (tmp_path / "none.npz").as_uri()
    assert refusal(url, raw, sha256=WRONG).startswith(f"no server delivered none.npz: {url}: ")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/images.npz",
        "http://127.0.0.1.example.org/images.npz",
        "http://127.0.0.1@example.org/images.npz",
        "http://localhost.example.org/images.npz",
        "ftp://example.org/images.npz",
        "sftp://example.org/images.npz",
        "doi://example.org/images.npz",
    ],
)
def test_a_url_that_others_can_read_is_refused(raw: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only https:// and file:// are legal, http:// to this machine apart; nobody is asked."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("a connection was tried"))
    assert refusal(url, raw, sha256=WRONG) == f"expected an https:// or file:// URL, got {url}"


@pytest.mark.parametrize("url", ["http://[x/images.npz", "https:///images.npz", "https://", "file:///"])
def test_a_url_that_is_none_is_refused(raw: Path, url: str) -> None:
    """The message has the URL, whatever is wrong with it."""
    assert url in refusal(url, raw, sha256=WRONG)


@pytest.mark.parametrize("path", ["/", "/folder/", "/.."])
def test_a_url_that_names_no_file_is_refused(serve: Serve, raw: Path, path: str) -> None:
    """What has no name cannot be put into a folder; the message has the URL."""
    url = serve().url + path
    assert url in refusal(url, raw, sha256=sha256(FILES["images.bin"]))


# Published sets


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sets_are_pinned_and_mirrored(name: str) -> None:
    """Each has the four IDX files with a SHA-256 each, and two mirrors that nobody on the way can change."""
    published = PUBLISHED[name]
    assert len(published.sha256) == 4
    assert all(file.endswith("-ubyte.gz") for file in published.sha256)
    assert len(set(published.sha256.values())) == 4
    assert all(len(bytes.fromhex(checksum)) == 32 for checksum in published.sha256.values())
    assert len(published.mirrors) == 2
    assert all(mirror.startswith("https://") for mirror in published.mirrors)


@pytest.mark.parametrize("ending", ["", "/"])
def test_a_published_set_is_fetched(serve: Serve, publish: Publish, raw: Path, ending: str) -> None:
    """Every file of the set is asked for once, from the first mirror, and takes the place of what was there."""
    first, second = serve(), serve()
    publish(first.url + ending, second.url + ending)
    sources.fetch("toys", raw)
    assert content(raw) == FILES
    assert first.asked == ["/images.bin", "/labels.bin"]
    assert second.asked == []


def test_a_second_run_asks_nobody(serve: Serve, publish: Publish, raw: Path) -> None:
    """Downloads are kept in the user's cache: `dvc repro --force` works without a network."""
    server = serve()
    publish(server.url)
    sources.fetch("toys", raw)
    asked = list(server.asked)
    sources.fetch("toys", raw)
    assert content(raw) == FILES
    assert server.asked == asked


def test_a_damaged_cache_is_mended(serve: Serve, publish: Publish, raw: Path, cache: Path) -> None:
    """A kept file that no longer has its checksum is downloaded again, and only that one."""
    server = serve()
    publish(server.url)
    sources.fetch("toys", raw)
    (kept,) = cache.rglob("labels.bin")
    kept.write_bytes(b"damaged")
    server.asked.clear()
    sources.fetch("toys", raw)
    assert content(raw) == FILES
    assert server.asked == ["/labels.bin"]


def test_the_next_mirror_stands_in_for_one_that_is_down(serve: Serve, publish: Publish, dead: str, raw: Path) -> None:
    """A mirror that refuses connections is passed over."""
    server = serve()
    publish(dead, server.url)
    sources.fetch("toys", raw)
    assert content(raw) == FILES
    assert server.asked == ["/images.bin", "/labels.bin"]


def test_the_next_mirror_stands_in_for_one_without_the_file(serve: Serve, publish: Publish, raw: Path) -> None:
    """A mirror that answers "404 Not Found" for one file is passed over for that one."""
    first, second = serve(), serve()
    (first.folder / "labels.bin").unlink()
    publish(first.url, second.url)
    sources.fetch("toys", raw)
    assert content(raw) == FILES
    assert second.asked == ["/labels.bin"]


@pytest.mark.parametrize("corrupt", [b"damaged", b"", FILES["images.bin"][:-1], b"<html>Log in to this network</html>"])
def test_the_next_mirror_stands_in_for_one_with_a_wrong_file(
    serve: Serve, publish: Publish, raw: Path, corrupt: bytes
) -> None:
    """The checksum decides, not the server: a wrong file is never used."""
    first, second = serve(**{"images.bin": corrupt}), serve()
    publish(first.url, second.url)
    sources.fetch("toys", raw)
    assert content(raw) == FILES
    assert second.asked == ["/images.bin"]


def test_a_mirror_of_the_users_is_tried_first(
    serve: Serve, publish: Publish, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Base URLs in the environment come before the built-in ones, in their order."""
    built_in, own, other = serve(), serve(), serve()
    (own.folder / "labels.bin").unlink()
    publish(built_in.url)
    monkeypatch.setenv(MIRRORS_VARIABLE, f" {own.url}/  {other.url} ")
    sources.fetch("toys", raw)
    assert content(raw) == FILES
    assert own.asked[0] == "/images.bin"
    assert other.asked == ["/labels.bin"]
    assert built_in.asked == []


def test_a_mirror_may_be_a_folder(
    tmp_path: Path, serve: Serve, publish: Publish, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that were brought on a disk need no server; what is missing there is downloaded."""
    server = serve()
    publish(server.url)
    disk = tmp_path / "my disk"
    disk.mkdir()
    (disk / "images.bin").write_bytes(FILES["images.bin"])
    monkeypatch.setenv(MIRRORS_VARIABLE, disk.as_uri())
    sources.fetch("toys", raw)
    assert content(raw) == FILES
    assert server.asked == ["/labels.bin"]


def test_a_users_mirror_is_not_trusted(
    serve: Serve, publish: Publish, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong file on the user's own mirror is passed over too."""
    built_in, own = serve(), serve(**{"images.bin": b"other"})
    publish(built_in.url)
    monkeypatch.setenv(MIRRORS_VARIABLE, own.url)
    sources.fetch("toys", raw)
    assert content(raw) == FILES


def test_a_users_mirror_that_others_can_read_is_refused(
    serve: Serve, publish: Publish, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror over http:// is an error to mend, not one to pass over."""
    server = serve()
    publish(server.url)
    monkeypatch.setenv(MIRRORS_VARIABLE, "http://example.org/digits")
    assert refusal("toys", raw) == "expected an https:// or file:// URL, got http://example.org/digits/images.bin"
    assert server.asked == []


def test_all_mirrors_failing_is_one_error(
    serve: Serve, publish: Publish, dead: str, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has every URL that was tried, in order; the earlier files stay."""
    wrong = serve(**{"labels.bin": b"wrong"})
    lost = serve()
    (lost.folder / "labels.bin").unlink()
    disk = raw.parents[1] / "disk"
    disk.mkdir()
    publish(dead, wrong.url, lost.url)
    monkeypatch.setenv(MIRRORS_VARIABLE, disk.as_uri())
    message = refusal("toys", raw)
    assert message.startswith("no server delivered labels.bin: ")
    places = [message.find(f"{mirror}/labels.bin: ") for mirror in (disk.as_uri(), dead, wrong.url, lost.url)]
    assert -1 not in places
    assert places == sorted(places)
    assert "404" in message[places[-1] :]
