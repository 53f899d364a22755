"""What judging a model leaves behind: everything that tables, checks, curves and pictures are made from."""

import json
import math
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.arrays import npz
from robust_digits.errors import DAMAGED, InputError, first_line
from robust_digits.files import replacing
from robust_digits.judge import integrity
from robust_digits.judge.views import CLEAN, WORST_CASE, of_suite

_HEADER = 256  # bytes, about, of an array's header
_LARGE = 2**24  # bytes of an array that is mapped
_LENGTHS = 26  # where the header of a member has how long its name is, and what stands behind that
_GROUPS = ("predictions", "images", "logits", "pictured", "curves", "indicators", "made")


@dataclass(frozen=True)
class Made:
    """How a figure was made: the size of the ball, `eps` in `norm` ("inf", 1, 2; None: no attack), and the settings."""

    norm: str | int | None = None
    eps: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """One model's answers on the n test images, in several views of them.

    A view is `clean`, `fgm_transfer` (crafted against the baseline, as those of other attacks), `fgm_white_box` (the
    same attack against this very model), or an attack of the suite. `labels` (n,) are the true classes, `predictions`
    the predicted ones in each view, int64 (n,), or (m,) where an attack saw the first m images only. Of the few rows
    `shown` (k,), `images` holds what the model saw, float32 (k, height, width, channels), and `logits` what it
    answered, (k, classes). `pictured` are all test images to be looked at, uint8 (n, height, width, channels): `clean`,
    and as `worst_case` under the attack that `fell_to` names, or under the last one where none broke it. `curves` are
    accuracies over eps, (points, 2), for `linf` and `l2`, and for `certified`, the share proven to be right.
    `certified` says which images are, bool (n,), or is None where nothing can be proven. `indicators` are single
    numbers measured to check the evaluation itself. `made` says how each view was made, the worst case, and under
    `certified` the proof.
    """

    labels: NDArray[np.int64]
    shown: NDArray[np.int64]
    predictions: Mapping[str, NDArray[np.int64]]
    images: Mapping[str, NDArray[np.float32]]
    logits: Mapping[str, NDArray[np.float32]]
    pictured: Mapping[str, NDArray[np.uint8]]
    curves: Mapping[str, NDArray[np.float64]]
    indicators: Mapping[str, float]
    made: Mapping[str, Made]
    certified: NDArray[np.bool_] | None

    def suite(self) -> list[str]:
        """Return the names of the attacks of the suite."""
        return [view for view in self.predictions if of_suite(view)]

    def right(self, view: str) -> NDArray[np.bool_]:
        """Return which of the images that a view has were classified right; `worst_case` is right in clean and suite.

        An attack that saw only the first images says nothing about the others.
        """
        if view != WORST_CASE:
            predicted = self.predictions[view]
            verdict: NDArray[np.bool_] = predicted == self.labels[: len(predicted)]
            return verdict
        standing = self.right(CLEAN).copy()
        for attack in self.suite():
            seen = self.right(attack)
            standing[: len(seen)] &= seen
        return standing

    def fell_to(self, image: int) -> str | None:
        """Return the first view of the worst case in which an image is wrong, or None where it stands in all."""
        seen = (view for view in (CLEAN, *self.suite()) if image < len(self.predictions[view]))
        return next((view for view in seen if not self.right(view)[image]), None)

    def verdicts(self) -> dict[str, NDArray[np.bool_]]:
        """Return `right` of every view, the worst case last."""
        return {view: self.right(view) for view in [*self.predictions, WORST_CASE]}


def save(path: Path, evidence: Evidence) -> None:
    """Write the evidence as an `.npz` file; the arrays of a group are named like `predictions.clean`."""
    arrays: dict[str, Any] = {"labels": evidence.labels, "shown": evidence.shown}
    if evidence.certified is not None:
        arrays["certified"] = evidence.certified
    for group in _GROUPS:
        arrays |= {f"{group}.{name}": _array(values) for name, values in getattr(evidence, group).items()}
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, value in arrays.items():  # np.savez leaves other headers under Python 3.10 than under 3.11
            array = np.asanyarray(value)
            member = zipfile.ZipInfo(f"{name}.npy")
            member.file_size = array.nbytes + _HEADER  # about: what is larger than 2 GiB has another kind of entry
            with archive.open(member, "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)  # type: ignore[no-untyped-call]


def load(path: Path) -> Evidence:
    """Read the evidence that `save` wrote; what it lacks is an `InputError` when it is asked for.

    Raises
    ------
    InputError
        If the file is missing, or is not what an evaluation leaves.
    """
    groups: dict[str, dict[str, Any]] = {group: _Read(path, group) for group in _GROUPS}
    try:
        arrays = _arrays(path)
        for key, array in arrays.items():
            group, _, name = key.partition(".")
            if name:
                groups[group][name] = _VALUES.get(group, np.asanyarray)(array)
        for name in ("labels", "shown"):
            if name not in arrays:
                raise ValueError(f"expected {name}, got none")
        found = Evidence(labels=arrays["labels"], shown=arrays["shown"], certified=arrays.get("certified"), **groups)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `dvc repro` or `dvc checkout` makes it") from None
    except (*DAMAGED, MemoryError) as error:  # a damaged header asks for any size
        raise _refusal(path, first_line(error)) from None
    wrong = integrity.fault(found)
    if wrong:
        raise _refusal(path, wrong)
    return found


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an archive by name; a large one is mapped, and read only where it is looked at.

    Every byte is compared with its checksum before.
    """
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        damaged = archive.testzip()
        if damaged:
            raise zipfile.BadZipFile(f"{damaged} does not fit its checksum")
        return {member.filename.removesuffix(".npy"): _member(file, archive, member) for member in archive.infolist()}


def _member(whole: IO[bytes], archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """Return one array of an archive, which is a file."""
    name = member.filename.removesuffix(".npy")
    if member.file_size < _LARGE or member.compress_type != zipfile.ZIP_STORED:
        return npz.array(archive, name)
    with archive.open(member) as file:
        shape, fortran, dtype = npz.header(file, name)
        offset = file.tell()
    if member.file_size != offset + math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name} is not of the size that its header says")
    return np.memmap(whole, dtype, "r", _start(whole, member) + offset, shape, "F" if fortran else "C")


def _start(file: IO[bytes], member: zipfile.ZipInfo) -> int:
    """Return where the content of a member begins in the file: behind its name, and what may stand behind that."""
    file.seek(member.header_offset + _LENGTHS)
    lengths: tuple[int, int] = struct.unpack("<HH", file.read(4))
    return member.header_offset + _LENGTHS + 4 + sum(lengths)


class _Read(dict[str, Any]):
    """Arrays of a group, by name; one that is not there was lost."""

    def __init__(self, path: Path, group: str) -> None:
        super().__init__()
        self._path, self._group = path, group

    def __missing__(self, name: str) -> Any:  # noqa: ANN401 (never)
        raise _refusal(self._path, f"expected {self._group}.{name}, got none")


def _refusal(path: Path, wrong: str) -> InputError:
    return InputError(
        f"{path}: not the evidence of an evaluation: {wrong}; "
        f"`dvc repro --force --single-item evaluate@{path.stem}` makes it anew"
    )


def _array(value: object) -> Any:  # noqa: ANN401 (whatever can become an array)
    """Return what stands in the archive for a value: how a view was made is text."""
    return np.array(json.dumps(asdict(value))) if isinstance(value, Made) else value


def _indicator(array: NDArray[Any]) -> float:
    if array.shape:
        raise ValueError(f"expected a number, got an array of shape {array.shape}")
    return float(array.item())


def _made(array: NDArray[np.str_]) -> Made:
    return Made(**json.loads(array.item()))


_VALUES: dict[str, Any] = {"indicators": _indicator, "made": _made}
