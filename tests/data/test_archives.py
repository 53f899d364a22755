"""Archives are unpacked for their data set alone, and never outside of the folder."""

import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.formats import archive, encoded, put, random_digits, tar
from support.sources import content, refusal, sha256

from robust_digits.data import archives, contents, sources
from robust_digits.errors import named

pytestmark = pytest.mark.usefixtures("cache")

FILES = {f"{name}/1.png": name.encode() for name in ("cat", "dog")}
BESIDE = {"README.txt": b"text", "cat/.DS_Store": b"", "__MACOSX/cat/._1.png": b""}
KINDS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "mine.zip": archive,
    "mine.tar": lambda members: tar(members, mode="w"),
    "mine.tar.gz": tar,
    "mine.tgz": tar,
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("around", ["", "./", "pets/", "./pets/"])
def test_an_archive_is_unpacked(
    tmp_path: Path, raw: Path, name: str, around: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The files of its data set arrive, without what is around and beside them, and the checksum is printed."""
    packed = KINDS[name]({around + each: content for each, content in {**BESIDE, **FILES}.items()})
    put(tmp_path, {name: packed})
    sources.fetch(str(tmp_path / name), raw, sha256=sha256(packed))
    assert content(raw) == FILES
    assert capsys.readouterr().out == f"{name} has SHA-256 {sha256(packed)}\n"


@pytest.mark.fault("refused")
def test_a_wrong_checksum_is_refused_first(tmp_path: Path, raw: Path) -> None:
    """An archive that is not the one expected is not opened."""
    path = put(tmp_path, {"mine.zip": b"no archive"}) / "mine.zip"
    assert refusal(str(path), raw, sha256="0" * 64).startswith(f"{path}: expected SHA-256 {'0' * 64}, got ")


@pytest.mark.fault("refused")
@pytest.mark.parametrize("name", KINDS)
def test_an_archive_of_no_data_set_is_refused(tmp_path: Path, raw: Path, name: str) -> None:
    """The message says what would do, and what the archive holds."""
    put(tmp_path, {name: KINDS[name]({"notes.txt": b"", "more/a.gif": b""})})
    message = refusal(str(tmp_path / name), raw)
    assert message == f"{tmp_path / name}: expected {contents.EXPECTED}, got more/, notes.txt"


@pytest.mark.fault("refused")
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("outside", ["../evil/1.png", "/evil/1.png", "cat/../../evil/1.png", "../evil/\n\x1b[31m.png"])
def test_an_archive_that_leads_outside_is_refused(tmp_path: Path, raw: Path, name: str, outside: str) -> None:
    """No file is written above the folder, nor anything else of such an archive."""
    put(tmp_path, {name: KINDS[name]({**FILES, outside: b"evil"})})
    message = refusal(str(tmp_path / name), raw)
    assert message == f"{tmp_path / name}: expected files below the root of the archive, got {named(outside)}"
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.fault("refused")
def test_links_in_an_archive_are_not_followed(tmp_path: Path, raw: Path) -> None:
    """A link could name any file of this machine: it is as if it were not there."""
    file = io.BytesIO(tar(FILES, mode="w"))
    with tarfile.open(fileobj=file, mode="a") as opened:
        link = tarfile.TarInfo("dog/2.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        opened.addfile(link)
    put(tmp_path, {"mine.tar": file.getvalue()})
    sources.fetch(str(tmp_path / "mine.tar"), raw)
    assert content(raw) == FILES


@pytest.mark.fault("refused")
def test_an_archive_that_needs_more_room_is_refused(tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the files are to have unpacked is compared with the free space before one is written."""
    members = {"cat/1.png": b"\0" * 5000, "dog/1.png": b"\0" * 5000}
    packed = archive(members, compression=zipfile.ZIP_DEFLATED)
    put(tmp_path, {"mine.zip": packed})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=9999))
    message = refusal(str(tmp_path / "mine.zip"), raw)
    assert message.endswith("raw: expected room for 10,000 bytes, got 9,999")


@pytest.mark.fault("refused")
@pytest.mark.parametrize("name", KINDS)
def test_room_is_needed_where_the_files_go(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's cache, where a download is kept, may be on a disk that is full."""
    put(tmp_path / "cache", {name: KINDS[name](FILES)})
    (tmp_path / "raw").mkdir()
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**6 * (folder.name == "raw")))
    archives.unpack(tmp_path / "cache" / name, tmp_path / "raw", where=name)
    assert content(tmp_path / "raw") == FILES


@pytest.mark.parametrize("name", KINDS)
@given(st.data())
@settings(max_examples=50)
def test_a_damaged_archive_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    """Any byte may be wrong, any end missing: one line that has the archive, or files below the folder."""
    picture = encoded(random_digits(1, 8, 8, seed=0)[0][0])
    packed = bytearray(KINDS[name]({"cat/1.png": picture, "dog/1.png": picture}))
    for _ in range(data.draw(st.integers(0, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    folder = put(tmp_path_factory.mktemp("own"), {name: bytes(packed[: data.draw(st.integers(0, len(packed)))])})
    try:
        sources.fetch(str(folder / name), folder / "raw")
    except ValueError as error:
        assert name in str(error)  # noqa: PT017 (either way is right)
        assert "\n" not in str(error)  # noqa: PT017 (either way is right)
    assert {path.name for path in folder.iterdir()} <= {name, "raw"}
