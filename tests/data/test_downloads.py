"""What is downloaded is what its checksum says, whichever server it came from."""

import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
from support.formats import tar
from support.sources import WRONG, Server, content, refusal, sha256

from robust_digits.data import sources
from robust_digits.data.archives import ENDINGS
from robust_digits.data.catalogue import PUBLISHED, Mirrored
from robust_digits.data.sources import MIRRORS_VARIABLE

pytestmark = pytest.mark.usefixtures("cache")


FILES = {"images.npz": b"images" * 100, "labels.npz": b"labels" * 10}


Serve = Callable[..., Server]


Publish = Callable[..., None]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Return a function that starts a server of files."""
    running: list[tuple[Server, Thread]] = []

    def start(**files: bytes) -> Server:
        folder = tmp_path / f"server{len(running)}"
        folder.mkdir()
        for name, packed in {**FILES, **files}.items():
            (folder / name).write_bytes(packed)
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


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes `toys` a published set with the given mirrors."""

    def published(*mirrors: str) -> None:
        pinned = {name: sha256(content) for name, content in FILES.items()}
        monkeypatch.setitem(PUBLISHED, "toys", Mirrored(mirrors=mirrors, sha256=pinned))

    return published


def test_a_url_is_fetched_once(serve: Serve, raw: Path) -> None:
    """A file with the right checksum is kept: a second run does not ask the server again."""
    server = serve()
    url, checksum = f"{server.url}/images.npz", sha256(FILES["images.npz"])
    for _ in range(2):
        sources.fetch(url, raw, sha256=checksum)
        assert content(raw) == {"images.npz": FILES["images.npz"]}
    assert server.asked == ["/images.npz"]


def test_a_file_url_is_copied(tmp_path: Path, raw: Path) -> None:
    """A file:// URL with escaped characters names a file of this machine."""
    path = tmp_path / "my data" / "größe 100%.npz"
    path.parent.mkdir()
    path.write_bytes(b"mine")
    sources.fetch(path.as_uri(), raw, sha256=sha256(b"mine"))
    assert content(raw) == {path.name: b"mine"}


def test_a_url_with_a_wrong_checksum_is_refused(serve: Serve, raw: Path, cache: Path) -> None:
    """The message has the URL; what was downloaded is neither used nor kept."""
    url = f"{serve().url}/images.npz"
    message = refusal(url, raw, sha256=WRONG)
    assert message.startswith(f"no server delivered images.npz: {url}: ")
    assert WRONG in message
    assert [file for file in cache.rglob("*") if file.is_file()] == []


def test_a_url_without_a_checksum_is_refused(serve: Serve, raw: Path) -> None:
    """The server is not even asked: a URL that promises nothing could deliver anything."""
    server = serve()
    url = f"{server.url}/images.npz"
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
    assert url in refusal(url, raw, sha256=sha256(FILES["images.npz"]))


@pytest.mark.parametrize(("name", "mirrors"), [("mnist", 2), ("fashion_mnist", 2), ("cifar10", 1)])
def test_published_sets_are_pinned(name: str, mirrors: int) -> None:
    """Each has files that can be read, a SHA-256 for each, and mirrors that nobody on the way can change."""
    published = PUBLISHED[name]
    assert len(set(published.sha256.values())) == len(published.sha256)
    assert all(file.endswith(("-ubyte.gz", *ENDINGS)) for file in published.sha256)
    assert all(len(bytes.fromhex(checksum)) == 32 for checksum in published.sha256.values())
    assert len(published.mirrors) == mirrors
    assert all(mirror.startswith("https://") for mirror in published.mirrors)


def test_a_published_archive_is_unpacked(serve: Serve, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CIFAR-10 comes as one archive: what arrives is its data files, without the folder around them."""
    batches = {"data_batch_1.bin": b"train", "test_batch.bin": b"test"}
    packed = tar({f"cifar-10-batches-bin/{name}": content for name, content in {**batches, "readme.html": b""}.items()})
    server = serve(**{"cifar.tar.gz": packed})
    monkeypatch.setitem(PUBLISHED, "toys", Mirrored(mirrors=(server.url,), sha256={"cifar.tar.gz": sha256(packed)}))
    sources.fetch("toys", raw)
    assert content(raw) == batches


@pytest.mark.parametrize("name", ["images.bin", "notes.txt", "mine.png"])
def test_a_url_of_no_data_set_is_refused(raw: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that could not be read is not asked for; the message has the URL and the name."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("a connection was tried"))
    url = f"https://example.org/{name}"
    message = refusal(url, raw, sha256=WRONG)
    assert message.startswith(f"{url}: expected a .npz file, ")
    assert message.endswith(f", got {name}")


@pytest.mark.parametrize("ending", ["", "/"])
def test_a_published_set_is_fetched(serve: Serve, publish: Publish, raw: Path, ending: str) -> None:
    """Every file of the set is asked for once, from the first mirror, and takes the place of what was there."""
    first, second = serve(), serve()
    publish(first.url + ending, second.url + ending)
    sources.fetch("toys", raw)
    assert content(raw) == FILES
    assert first.asked == ["/images.npz", "/labels.npz"]
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
    (kept,) = cache.rglob("labels.npz")
    kept.write_bytes(b"damaged")
    server.asked.clear()
    sources.fetch("toys", raw)
    assert content(raw) == FILES
    assert server.asked == ["/labels.npz"]


def test_the_next_mirror_stands_in_for_one_that_is_down(serve: Serve, publish: Publish, dead: str, raw: Path) -> None:
    """A mirror that refuses connections is passed over."""
    server = serve()
    publish(dead, server.url)
    sources.fetch("toys", raw)
    assert content(raw) == FILES
    assert server.asked == ["/images.npz", "/labels.npz"]


def test_the_next_mirror_stands_in_for_one_without_the_file(serve: Serve, publish: Publish, raw: Path) -> None:
    """A mirror that answers "404 Not Found" for one file is passed over for that one."""
    first, second = serve(), serve()
    (first.folder / "labels.npz").unlink()
    publish(first.url, second.url)
    sources.fetch("toys", raw)
    assert content(raw) == FILES
    assert second.asked == ["/labels.npz"]


@pytest.mark.parametrize("corrupt", [b"damaged", b"", FILES["images.npz"][:-1], b"<html>Log in to this network</html>"])
def test_the_next_mirror_stands_in_for_one_with_a_wrong_file(
    serve: Serve, publish: Publish, raw: Path, corrupt: bytes
) -> None:
    """The checksum decides, not the server: a wrong file is never used."""
    first, second = serve(**{"images.npz": corrupt}), serve()
    publish(first.url, second.url)
    sources.fetch("toys", raw)
    assert content(raw) == FILES
    assert second.asked == ["/images.npz"]


def test_a_mirror_of_the_users_is_tried_first(
    serve: Serve, publish: Publish, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Base URLs in the environment come before the built-in ones, in their order."""
    built_in, own, other = serve(), serve(), serve()
    (own.folder / "labels.npz").unlink()
    publish(built_in.url)
    monkeypatch.setenv(MIRRORS_VARIABLE, f" {own.url}/  {other.url} ")
    sources.fetch("toys", raw)
    assert content(raw) == FILES
    assert own.asked[0] == "/images.npz"
    assert other.asked == ["/labels.npz"]
    assert built_in.asked == []


def test_the_variable_is_the_one_that_the_readme_names() -> None:
    """A shell can set it: its name is what README.md says, letters, digits and underscores."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert f"`{MIRRORS_VARIABLE}`" in readme
    assert MIRRORS_VARIABLE.isidentifier()


def test_a_mirror_may_be_a_folder(
    tmp_path: Path, serve: Serve, publish: Publish, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that were brought on a disk need no server; what is missing there is downloaded."""
    server = serve()
    publish(server.url)
    disk = tmp_path / "my disk"
    disk.mkdir()
    (disk / "images.npz").write_bytes(FILES["images.npz"])
    monkeypatch.setenv(MIRRORS_VARIABLE, disk.as_uri())
    sources.fetch("toys", raw)
    assert content(raw) == FILES
    assert server.asked == ["/labels.npz"]


def test_a_users_mirror_is_not_trusted(
    serve: Serve, publish: Publish, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong file on the user's own mirror is passed over too."""
    built_in, own = serve(), serve(**{"images.npz": b"other"})
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
    assert refusal("toys", raw) == "expected an https:// or file:// URL, got http://example.org/digits/images.npz"
    monkeypatch.setenv(MIRRORS_VARIABLE, "https://[bad")
    assert refusal("toys", raw).startswith("not a URL: https://[bad/images.npz: ")
    assert server.asked == []


def test_all_mirrors_failing_is_one_error(
    serve: Serve, publish: Publish, dead: str, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has every URL that was tried, in order; the earlier files stay."""
    wrong = serve(**{"labels.npz": b"wrong"})
    lost = serve()
    (lost.folder / "labels.npz").unlink()
    disk = raw.parents[1] / "disk"
    disk.mkdir()
    publish(dead, wrong.url, lost.url)
    monkeypatch.setenv(MIRRORS_VARIABLE, disk.as_uri())
    message = refusal("toys", raw)
    assert message.startswith("no server delivered labels.npz: ")
    places = [message.find(f"{mirror}/labels.npz: ") for mirror in (disk.as_uri(), dead, wrong.url, lost.url)]
    assert -1 not in places
    assert places == sorted(places)
    assert "404" in message[places[-1] :]
