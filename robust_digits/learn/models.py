"""Save and load models as `.keras` files that are the same bytes for the same weights."""

import json
import re
import zipfile
from pathlib import Path

from robust_digits.errors import InputError
from robust_digits.files import replacing
from robust_digits.runtime import keras

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip archive can hold


def save(model: keras.Model, path: Path) -> None:
    """Write a model to `path` (`.keras`): weights and architecture, no optimizer state, no time of writing.

    Keras leaves its mark on an archive in three places, which are written anew: the time in the zip entries, the time
    in the metadata, and memory addresses as the identities of objects that layers share.
    """
    with replacing(path) as temporary:
        stamped = temporary.with_name(f"{temporary.name}.keras")
        try:
            keras.saving.save_model(model, stamped)
            with zipfile.ZipFile(stamped) as source, zipfile.ZipFile(temporary, "w") as target:
                for name in sorted(source.namelist()):
                    content = source.read(name)
                    if name in _REWRITTEN:
                        content = _REWRITTEN[name](content)
                    target.writestr(zipfile.ZipInfo(name, _ZIP_EPOCH), content)
        finally:
            stamped.unlink(missing_ok=True)


def load(path: Path) -> keras.Model:
    """Return the model in a `.keras` file; code hidden in the file is refused, not run (Keras safe mode).

    Raises
    ------
    InputError
        If the file is missing or is not a model.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; `dvc repro` or `dvc checkout` makes it")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a Keras model: {(str(error).splitlines() or ['unreadable'])[0]}") from None


def fresh(model: keras.Model) -> keras.Model:
    """Return a model of the same architecture with weights drawn anew."""
    return keras.models.clone_model(model)


def _without_time(metadata: bytes) -> bytes:
    fields = json.loads(metadata)
    del fields["date_saved"]
    return json.dumps(fields, sort_keys=True).encode()


def _numbered(config: bytes) -> bytes:
    """Replace the addresses of shared objects by numbers, in the order in which they appear."""
    numbers: dict[bytes, int] = {}

    def number(found: re.Match[bytes]) -> bytes:
        return b"%s%d" % (found[1], numbers.setdefault(found[2], len(numbers)))

    return re.sub(rb'("shared_object_id": )(\d+)', number, config)


_REWRITTEN = {"metadata.json": _without_time, "config.json": _numbered}
