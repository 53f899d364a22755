"""What data set a folder or an archive holds, by the names of its files."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from robust_digits.errors import InputError, listed, named

CIFAR, CSV, IDX, NPZ, PARQUET, PICTURES = "cifar", "csv", "idx", "npz", "parquet", "pictures"
EXPECTED = (
    "a .npz file, four IDX files (*-ubyte), one or two .csv files, .parquet files, CIFAR-10's .bin files, "
    "or a folder of PNG or JPEG images for each class"
)
_FILES = {  # how the files of each kind are named; they stand beside each other
    NPZ: r".*\.npz(\.gz)?",
    IDX: r".*(-ubyte|\.idx)(\.gz)?",
    CSV: r".*\.csv(\.gz)?",
    PARQUET: r".*\.parquet",
    CIFAR: r"(data_batch_\d+|test_batch)\.bin",
}
_PICTURE = r".*\.(png|jpg|jpeg)"
_PARTS = {"train", "test"}
_DROPPED = {"Thumbs.db", "desktop.ini", "__MACOSX"}  # by file browsers and archivers, into folders that they show
_DEEPEST = 4  # one folder around everything, train or test, a class, an image


@dataclass(frozen=True)
class Contents:
    """A data set: its kind, the one folder that holds everything (or none: ""), and the files in it that are read."""

    kind: str
    around: str
    names: tuple[str, ...]

    def files(self, folder: Path) -> list[Path]:
        """Return the files of the data set that `folder` holds."""
        return [folder / self.around / name for name in self.names]


def inside(folder: Path) -> Contents:
    """Return what data set a folder holds; InputError if none or several."""
    return recognize(_walk(folder, deepest=_DEEPEST), where=folder)


def recognize(names: Iterable[str], *, where: object) -> Contents:
    """Return what data set files are, by their names relative to a folder or archive; hidden ones do not count.

    Raises
    ------
    InputError
        If they are of no kind or of several, or if something else than images is in the folder of a class.
    """
    paths = sorted(path for path in map(PurePosixPath, names) if not _hidden(path))
    outermost = {path.parts[0] for path in paths}
    around = outermost.pop() if len(outermost) == 1 and all(len(path.parts) > 1 for path in paths) else ""
    paths = [path.relative_to(around) for path in paths]
    kinds = {
        **{kind: [path for path in paths if _matches(ending, path)] for kind, ending in _FILES.items()},
        PICTURES: _pictures(paths, where=where),
    }
    found = [kind for kind in kinds if kinds[kind]]
    if len(found) > 1:
        both = " and ".join(named(kinds[kind][0]) for kind in found)
        raise InputError(f"{where}: expected one data set, got {both}; leave one of them there")
    if not found:
        tops = (path.parts[0] + "/" * (len(path.parts) > 1) for path in paths)
        raise InputError(f"{where}: expected {EXPECTED}, got {listed(tops)}")
    return Contents(found[0], around, tuple(map(str, kinds[found[0]])))


def _pictures(paths: list[PurePosixPath], *, where: object) -> list[PurePosixPath]:
    """Return the images of all classes, of `train` and `test` only where both hold folders."""
    inner = [path for path in paths if len(path.parts) > 1]
    split = {path.parts[0] for path in inner if len(path.parts) > 2} >= _PARTS  # noqa: PLR2004 (more than a class)
    depth = 3 if split else 2
    inner = [path for path in inner if path.parts[0] in _PARTS or not split]
    images = [path for path in inner if len(path.parts) == depth and re.fullmatch(_PICTURE, path.name.lower())]
    strangers = sorted(set(inner) - set(images))
    if images and strangers:
        raise InputError(
            f"{where}: expected PNG or JPEG images in a folder for each class and nothing else there, "
            f"got {listed(map(str, strangers))}"
        )
    return images


def _walk(folder: Path, *, deepest: int) -> Iterator[str]:
    """Yield the names of the files in a folder, and of what is deeper than any data set."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and deepest > 1 and not _hidden(PurePosixPath(path.name)):
            yield from (f"{path.name}/{name}" for name in _walk(path, deepest=deepest - 1))
        else:
            yield path.name


def _matches(pattern: str, path: PurePosixPath) -> bool:
    return len(path.parts) == 1 and re.fullmatch(pattern, path.name) is not None


def _hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part in _DROPPED for part in path.parts)
