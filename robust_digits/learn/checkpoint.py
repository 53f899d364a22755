"""Keep the state of a long training where an interruption, and DVC, leave it alone.

DVC deletes a stage's outputs before it runs, and the whole workspace of an experiment after it, so the state lies in
the user's cache folder, under a name made from everything that the result depends on: the same training finds its own
state, and no other does.
"""

import hashlib
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits import cache
from robust_digits.data.images import ImageSet
from robust_digits.files import replacing

State = dict[str, list[NDArray[Any]]]
_LIBRARIES = ("tensorflow", "keras", "numpy")


def path(settings: str, *sets: ImageSet) -> Path:
    """Return where the state of a training lies, by its settings, its images, its code and the libraries it uses."""
    digest = hashlib.sha256(settings.encode())
    for name in _LIBRARIES:
        digest.update(f"{name} {version(name)}".encode())
    for code in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(code.read_bytes())
    for images in sets:
        for batch in images.batches():
            digest.update(batch.images.tobytes() + batch.labels.tobytes())
    return cache.folder("training") / f"{digest.hexdigest()}.npz"


def save(file: Path, state: State) -> None:
    """Write named lists of arrays as an `.npz` file."""
    arrays: dict[str, Any] = {f"{name}.{i}": array for name, some in state.items() for i, array in enumerate(some)}
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def load(file: Path) -> State | None:
    """Return what `save` wrote, or None where there is nothing or what is there cannot be read."""
    state: State = {}
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            for key in sorted(arrays.files, key=lambda key: int(key.partition(".")[2])):
                state.setdefault(key.partition(".")[0], []).append(arrays[key])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        print(f"{file}: cannot be read ({error}); training starts anew")
        return None
    return state


def forget(file: Path) -> None:
    """Remove the state of a training that has ended."""
    file.unlink(missing_ok=True)
