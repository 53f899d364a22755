"""Arrays kept in the user's cache under a checksum: what is not what was written there is never taken for it."""

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.cache import place
from robust_digits.errors import DAMAGED, first_line

Arrays = dict[str, NDArray[Any]]
_CHECKSUM = "sha256"


def save(path: Path, arrays: Mapping[str, NDArray[Any]], *, otherwise: str) -> bool:
    """Write named arrays as an `.npz` file; return whether that could be done (see `place.keep`)."""
    given: dict[str, Any] = {**arrays, _CHECKSUM: np.array(digest(arrays))}

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **given)

    return place.keep(path, write, otherwise=otherwise)


def load(path: Path, *, otherwise: str) -> Arrays | None:
    """Return what `save` wrote, or None where there is nothing.

    What cannot be read, or does not fit its checksum, is nothing too: one line says so, and what will happen
    `otherwise`.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if arrays.pop(_CHECKSUM).item() != digest(arrays):
            raise ValueError("it does not fit its checksum")
    except (FileNotFoundError, NotADirectoryError, PermissionError):  # that nothing can be kept is said by `save`
        return None
    except (*DAMAGED, OSError) as error:
        print(f"{path}: cannot be read ({first_line(error)}); {otherwise}", file=sys.stderr, flush=True)
        return None
    return arrays


def digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of arrays: their names, types, shapes and bytes."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(f"{name} {array.dtype.str} {arrays[name].shape}\n".encode())
        found.update(array.tobytes())
    return found.hexdigest()
