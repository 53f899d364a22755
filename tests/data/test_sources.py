"""A data set is fetched as published: the digits that ship inside scikit-learn, and the user's own."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sklearn
from support.formats import put
from support.sources import WRONG, content, refusal, sha256

from robust_digits.data import contents, sources
from robust_digits.data.catalogue import PUBLISHED

pytestmark = pytest.mark.usefixtures("cache")


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


def test_a_file_of_no_data_set_is_refused(tmp_path: Path, raw: Path) -> None:
    """A file that the next stage could not read is not copied; the message has its path and what would do."""
    path = tmp_path / "mine.txt"
    path.write_bytes(b"mine")
    assert refusal(str(path), raw) == f"{path}: expected {contents.EXPECTED}, got mine.txt"


def test_the_files_of_a_folder_are_copied(tmp_path: Path, raw: Path) -> None:
    """Those of its data set are; hidden ones, notes beside them and folders that have no part in it are not."""
    folder = put(tmp_path / "mine", {name: name.encode() for name in ("a.csv", "b.csv", ".x.csv", "x.txt", "x/c.csv")})
    sources.fetch(str(folder), raw)
    assert content(raw) == {"a.csv": b"a.csv", "b.csv": b"b.csv"}


@pytest.mark.parametrize("around", ["", "around/"])
def test_folders_of_images_are_copied(tmp_path: Path, raw: Path, around: str) -> None:
    """Folders of classes stay what they are; a folder around all of them is left out."""
    names = ["train/cat/1.png", "train/dog/2.JPG", "test/dog/1.jpeg"]
    others = ["train/.DS_Store", "train/cat/Thumbs.db", "test/.hidden/1.png", "val/cat/1.png"]
    folder = put(tmp_path / "mine", {around + name: name.encode() for name in names + others})
    sources.fetch(str(folder), raw)
    assert content(raw) == {name: name.encode() for name in names}


def test_a_folder_of_no_data_set_is_refused(tmp_path: Path, raw: Path) -> None:
    """The message says what would do and what is there, folders as such and once, and not all of a long list."""
    folder = put(tmp_path / "mine", {f"{name:02}.txt": b"" for name in range(30)} | {"00/a.gif": b"", "00/b.gif": b""})
    assert refusal(str(folder), raw) == (
        f"{folder}: expected {contents.EXPECTED}, got 00/, 00.txt, 01.txt, 02.txt, 03.txt, 04.txt, 05.txt, 06.txt, "
        "07.txt, 08.txt, ... (31 in all)"
    )


def test_the_checksum_of_a_folder_is_that_of_its_sums(tmp_path: Path, raw: Path) -> None:
    """It is the SHA-256 of what `sha256sum` prints of the files, which is printed, and may be given."""
    names = ["a/1.png", "a/2.png", "b/1.png"]
    folder = put(tmp_path / "mine", {name: name.encode() for name in names})
    expected = sha256("".join(f"{sha256(name.encode())}  {name}\n" for name in names).encode())
    for given in (None, expected, expected.upper()):
        sources.fetch(str(folder), raw, sha256=given)
        assert content(raw) == {name: name.encode() for name in names}


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a" / "1.png").write_bytes(b"other"),
        lambda folder: (folder / "a" / "1.png").rename(folder / "b" / "2.png"),
        lambda folder: (folder / "a" / "3.png").write_bytes(b"new"),
        lambda folder: (folder / "a" / "2.png").unlink(),
    ],
    ids=["changed", "moved", "added", "removed"],
)
def test_a_changed_folder_is_refused(tmp_path: Path, raw: Path, change: Callable[[Path], object]) -> None:
    """With a checksum, no image changes, moves to another class, comes or goes unnoticed."""
    folder = put(tmp_path / "mine", {name: name.encode() for name in ("a/1.png", "a/2.png", "b/1.png")})
    expected = sha256("".join(f"{sha256(n.encode())}  {n}\n" for n in ("a/1.png", "a/2.png", "b/1.png")).encode())
    change(folder)
    message = refusal(str(folder), raw, sha256=expected)
    assert message.startswith(f"{folder}: expected SHA-256 {expected}, got ")


def test_what_is_beside_the_data_does_not_change_the_checksum(
    tmp_path: Path, raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Notes and what a file browser drops leave the printed checksum as it was."""
    folder = put(tmp_path / "mine", {"a/1.png": b"1", "b/1.png": b"2"})
    sources.fetch(str(folder), raw)
    before = capsys.readouterr().out
    put(folder, {"notes.txt": b"", "a/.DS_Store": b""})
    sources.fetch(str(folder), raw)
    assert capsys.readouterr().out == before


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
        "data.source: expected digits, mnist, fashion_mnist, cifar10, a URL, or the path of a file or folder, got mnits"
    )


def test_nothing_is_no_source(tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty value does not mean the current folder."""
    (tmp_path / "private").write_bytes(b"private")
    monkeypatch.chdir(tmp_path)
    assert refusal("", raw).startswith("data.source: expected digits, mnist")
