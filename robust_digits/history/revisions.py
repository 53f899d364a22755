"""Read the project's files as they stand in a commit or in the working tree; git is asked, nothing is checked out."""

import io
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from robust_digits.errors import InputError

_FILE = "100"  # how the mode of a file begins; a link, or another repository, is none


@dataclass(frozen=True)
class Revision:
    """Every file of the project at one moment: path from the root -> content."""

    commit: str  # 40 hexadecimal digits
    files: Mapping[str, bytes]
    changed: bool = False  # whether the files differ from those of the commit
    date: str = ""  # on which the commit was made, such as 2026-11-26
    subject: str = ""  # the first line of its message

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
        return next(self.each([commit]))

    def each(self, commits: Iterable[str]) -> Iterator[Revision]:
        """Yield the files of commits, given by their full names; what one shares with the one before is read once."""
        known: dict[str, bytes] = {}
        for commit in commits:
            blobs = self._blobs(commit)
            missing = set(blobs.values()) - known.keys()
            known = {blob: known[blob] for blob in blobs.values() if blob in known} | self._contents(sorted(missing))
            yield self._revision(commit, {path: known[blob] for path, blob in blobs.items()})

    def log(self, commit: str, *paths: str, limit: int | None = None) -> list[str]:
        """Return the commits up to one, the newest first, that changed something below `paths`.

        Of a merge counts what it brought to its first parent; `limit` is how many are asked for.
        """
        newest = () if limit is None else (f"--max-count={limit}",)
        return self._git("rev-list", "--first-parent", *newest, commit, "--", *paths).split()

    def here(self) -> Revision:
        """Return the files of the working tree that git does not ignore; those of HEAD in a bare repository."""
        head = self.commit("HEAD")
        if self._git("rev-parse", "--is-bare-repository").strip() == "true":
            return self.at(head)
        names = self._git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        files = {name: (self.root / name).read_bytes() for name in names if name and (self.root / name).is_file()}
        return self._revision(head, files, changed=bool(self.changes()))

    def changes(self, *paths: str) -> list[str]:
        """Return the files below `paths`, or of all, in which the working tree differs from HEAD."""
        listed = self._git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *paths)
        return sorted(line[3:] for line in listed.split("\0") if line)

    def _blobs(self, commit: str) -> dict[str, str]:
        """Return the name that git has for the content of each file of a commit, by its path."""
        entries = [entry.split("\t", 1) for entry in self._git("ls-tree", "-r", "-z", commit).split("\0") if entry]
        return {path: said.split()[2] for said, path in entries if said.startswith(_FILE)}

    def _contents(self, blobs: Iterable[str]) -> dict[str, bytes]:
        """Return contents by the names that git has for them."""
        answer = io.BytesIO(_run(self.root, "cat-file", "--batch", given="".join(f"{blob}\n" for blob in blobs)))
        found = {}
        while header := answer.readline().split():  # name, kind, and size of the content that follows
            found[header[0].decode()] = answer.read(int(header[2]))
            answer.readline()
        return found

    def _revision(self, commit: str, files: Mapping[str, bytes], *, changed: bool = False) -> Revision:
        """Return files with the words of the commit that they are of."""
        date, _, subject = self._git("show", "--no-patch", "--format=%cs %s", commit).strip().partition(" ")
        return Revision(commit, files, changed, date, subject)

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


def _run(folder: Path, *arguments: str, given: str = "") -> bytes:
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, check=True, capture_output=True, input=given.encode()).stdout  # noqa: S603 (a list, and git's own words)
    except OSError as error:
        raise InputError(f"git: {error.strerror}") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", errors="replace").strip().splitlines() or ["failed"]
        raise InputError(f"git {arguments[0]}: {said[-1]}") from None
