"""What a `.keras` file declares, looked at before Keras unpacks it: names, sizes, and the configuration.

Keras has guards of its own, from four gigabytes on; here a file may unpack to some multiple of its own size.
"""

import json
import zipfile
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from robust_digits.errors import DAMAGED, InputError, first_line, named

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_TIMES, _FREE = 20, 2**26  # how many times its size a file may unpack to; so many bytes it may in any case


def config(path: Path) -> Any:  # noqa: ANN401 (whatever JSON holds)
    """Return the configuration in a `.keras` file, if what Keras would do with the file is bounded.

    Raises
    ------
    InputError
        If the file is no such archive, has names that lead out of it, or unpacks to far more than it is.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_names(archive, where=path)
            _refuse_size(sum(entry.file_size for entry in archive.infolist()), path.stat().st_size, where=path)
            found = json.loads(archive.read(_CONFIG))
            weights = archive.read(_WEIGHTS)  # none other, whose arrays nobody would measure: Keras takes .npz, too
            _refuse_size(_declared(weights), len(weights), where=path)
    except InputError:
        raise
    except RecursionError:
        raise InputError(f"{path}: not a Keras 3 model: its {_CONFIG} is nested too deeply") from None
    except (*DAMAGED, OSError) as error:
        raise InputError(
            f"{path}: not a Keras 3 model: {first_line(error)}; expected a file that model.save('my.keras') wrote"
        ) from None
    return found


def _refuse_names(archive: zipfile.ZipFile, *, where: Path) -> None:
    for name in archive.namelist():
        at = PurePosixPath(name.replace("\\", "/"))
        if at.is_absolute() or ".." in at.parts or ":" in name:
            raise InputError(f"{where}: not a Keras 3 model: it holds a file {named(name)}, outside of itself")


def _refuse_size(declared: int, size: int, *, where: Path) -> None:
    limit = max(_FREE, _TIMES * size)
    if declared > limit:
        raise InputError(
            f"{where}: expected to unpack to {limit / 2**20:,.0f} MiB at most, by its size, got {declared / 2**20:,.0f}"
        )


def _declared(weights: bytes) -> int:
    """Return how many bytes the arrays of an HDF5 file have in memory; a file may declare more than it holds."""
    import h5py  # noqa: PLC0415 (slow, and Keras has it)

    sizes: list[int] = []

    def note(_: str, item: Any) -> None:  # noqa: ANN401 (h5py has no types)
        if isinstance(item, h5py.Dataset):
            sizes.append(int(item.nbytes))

    with h5py.File(BytesIO(weights), "r") as file:
        file.visititems(note)
    return sum(sizes)
