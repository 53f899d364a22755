"""Read the project's files as they stand in a commit or in the working tree; git is asked, nothing is checked out."""

import io
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from robust_digits.errors import InputError


@dataclass(frozen=True)
class Revision:
    """Every file of the project at one moment: path from the root -> content."""

    commit: str  # 40 hexadecimal digits
    files: Mapping[str, bytes]
    changed: bool = False  # whether the files differ from those of the commit
    subject: str = ""  # the first line of the commit's message

    @property
    def label(self) -> str:
        """Return the short commit, and whether the files are those of it."""
        return self.commit[:12] + (" with uncommitted changes" if self.changed else "")

    def text(self, path: str) -> str:
        """Return a file as text.

        Raises
        ------
        InputError
            If the revision has no such file, or it is no text.
        """
        if path not in self.files:
            raise InputError(f"{path}: not in {self.label}")
        try:
            return self.files[path].decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{path} in {self.label}: not UTF-8: {error}") from None


@dataclass(frozen=True)
class Repository:
    """A git repository, bare or with a working tree."""

    root: Path

    def commit(self, name: str) -> str:
        """Return the full name of a commit.

        Raises
        ------
        InputError
            If there is no such commit here; the line says how to fetch it.
        """
        try:
            return self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip()
        except InputError:
            raise InputError(f"{name}: no such revision here; {self._remedy(name)}") from None

    def merge_base(self, base: str, here: str) -> str:
        """Return the newest commit that two commits, given by their full names, share.

        Raises
        ------
        InputError
            If they share none, or the history is not here.
        """
        try:
            return self._git("merge-base", base, here).strip()
        except InputError:
            raise InputError(
                f"{base[:12]} and {here[:12]} share no commit here; in a shallow clone, `git fetch --unshallow`"
            ) from None

    def at(self, commit: str) -> Revision:
        """Return the files of a commit, given by its full name."""
        with tarfile.open(fileobj=io.BytesIO(_run(self.root, "archive", "--format=tar", commit))) as archive:
            files = {item.name: archive.extractfile(item) for item in archive if item.isfile()}
            content = {name: file.read() for name, file in files.items() if file}
        return Revision(commit, content, subject=self._subject(commit))

    def here(self) -> Revision:
        """Return the files of the working tree that git does not ignore; those of HEAD in a bare repository."""
        head = self.commit("HEAD")
        if self._git("rev-parse", "--is-bare-repository").strip() == "true":
            return self.at(head)
        names = self._git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        files = {name: (self.root / name).read_bytes() for name in names if name and (self.root / name).is_file()}
        return Revision(head, files, changed=bool(self.changes()), subject=self._subject(head))

    def changes(self, *paths: str) -> list[str]:
        """Return the files below `paths`, or of all, in which the working tree differs from HEAD."""
        listed = self._git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *paths)
        return sorted(line[3:] for line in listed.split("\0") if line)

    def _subject(self, commit: str) -> str:
        return self._git("show", "--no-patch", "--format=%s", commit).strip()

    def _remedy(self, name: str) -> str:
        """Say how the user gets a revision that is not here."""
        remotes = self._git("for-each-ref", "--format=%(refname:lstrip=2)", f"refs/remotes/*/{name}").split()
        if remotes:
            return f"did you mean {remotes[0]}?"
        branch = name.removeprefix("origin/")
        return f"`git fetch origin {branch}:refs/remotes/origin/{branch}` fetches a branch, then called origin/{branch}"

    def _git(self, *arguments: str) -> str:
        return ask(self.root, *arguments)


def repository(folder: Path = Path()) -> Repository:
    """Return the repository that a folder lies in; an InputError if it lies in none."""
    bare = ask(folder, "rev-parse", "--is-bare-repository").strip() == "true"
    return Repository(folder if bare else Path(ask(folder, "rev-parse", "--show-toplevel").rstrip("\n")))


def ask(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it prints; a failure is an `InputError` with git's own last line."""
    return _run(folder, *arguments).decode("utf-8", errors="surrogateescape")


def _run(folder: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603 (a list, and git's own words)
    except OSError as error:
        raise InputError(f"git: {error.strerror}") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", errors="replace").strip().splitlines() or ["failed"]
        raise InputError(f"git {arguments[0]}: {said[-1]}") from None
