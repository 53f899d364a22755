"""A data set is fetched as published: the digits that ship inside scikit-learn, and the user's own."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sklearn
from support.sources import WRONG, content, refusal, sha256

from robust_digits.data import sources
from robust_digits.data.sources import PUBLISHED

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
