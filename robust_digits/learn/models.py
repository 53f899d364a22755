"""Save and load models as `.keras` files that are the same bytes for the same weights."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robust_digits import archive
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError, first_line
from robust_digits.files import replacing
from robust_digits.runtime import keras, tf

_BROKEN = (  # what Keras raises where a configuration or the weights are not what they must be
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    tf.errors.OpError,
    zipfile.BadZipFile,
)
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


def load(path: Path, images: ImageSet | None = None) -> keras.Model:
    """Return the model in a `.keras` file; code hidden in the file is refused, not run (Keras safe mode).

    Raises
    ------
    InputError
        If the file is missing or is not a model, or not one for these images and their labels.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; `dvc repro` or `dvc checkout` makes it")
    archive.config(path)
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except RecursionError:  # Python 3.12 and later read JSON that is nested deeper than what they can walk
        raise InputError(f"{path}: not a Keras model: its layers are nested too deeply") from None
    except _BROKEN as error:
        raise InputError(f"{path}: not a Keras model: {first_line(error)}") from None
    if images is not None:
        takes, classes = shapes(model, where=path)
        shape = images.images.shape[1:]
        if not fits(takes, shape):
            raise InputError(other_images(takes, shape, where=path))
        check_labels(images.labels, classes=classes, where=path)
    return model


def shapes(model: keras.Model, *, where: Path) -> tuple[tuple[int | None, ...], int]:
    """Return the shape of the images that a model takes, None for an open size, and its number of classes.

    Raises
    ------
    InputError
        If it has another number of inputs or outputs than one, or does not give a number for each class.
    """
    counts = [len(getattr(model, part, None) or []) for part in ("inputs", "outputs")]
    if counts != [1, 1]:
        raise InputError(f"{where}: expected a model of one input and one output, got {counts[0]} and {counts[1]}")
    takes, gives = (tuple(tensors[0].shape)[1:] for tensors in (model.inputs, model.outputs))
    if len(gives) != 1 or gives[0] is None or gives[0] < 2:  # noqa: PLR2004 (to choose between)
        raise InputError(
            f"{where}: expected an output for each of two classes at least, (n, classes), got (n, {said(gives)})"
        )
    return takes, int(gives[0])


def said(shape: tuple[int | None, ...]) -> str:
    """Return a shape in words."""
    return ", ".join("any" if size is None else str(size) for size in shape)


def fits(takes: tuple[int | None, ...], shape: tuple[int, ...]) -> bool:
    """Return whether a model that takes images of one shape, None for an open size, takes those of another."""
    return len(takes) == len(shape) and all(size in {None, given} for size, given in zip(takes, shape, strict=True))


def other_images(takes: tuple[int | None, ...], shape: tuple[int, ...], *, where: Path) -> str:
    """Return what is said of a model that expects images of another shape than the data has."""
    return f"{where}: the model expects images of shape ({said(takes)}), the data has ({said(shape)})"


def check_labels(labels: NDArray[np.int64], *, classes: int, where: Path) -> None:
    """Raise `InputError` unless the model `where` has a class for each label, none of which is below 0."""
    highest = int(labels.max())
    if highest >= classes:
        raise InputError(f"{where}: the model tells {classes} classes apart, the data has labels up to {highest}")


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
