"""Read parquet files as the Hugging Face hub keeps image sets: encoded images in `image`, whole numbers in `label`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.arrays import memory
from robust_digits.data import pictures
from robust_digits.data.images import MOST_CLASSES, ImageSet
from robust_digits.data.pictures import Encoded
from robust_digits.data.published import Split
from robust_digits.errors import InputError, first_line, listed

_IMAGE, _LABEL = "image", "label"
_ROWS = 256  # read at a time
_BROKEN = (ValueError, TypeError, LookupError, RuntimeError, MemoryError, OSError)  # each has a child in Arrow


def read(files: list[Path], *, size: int) -> Split:
    """Read files whose names hold `train` or `test`, or else all of them as one part, as `size` x `size` pixels.

    `image` is a struct with the encoded `bytes`, or the bytes themselves.

    Raises
    ------
    InputError
        If pyarrow is not installed, or a file is broken, has other columns, or holds no labelled images.
    """
    train = [file for file in files if "train" in file.name]
    test = [file for file in files if "test" in file.name and file not in train]  # train-latest is of the first
    train = train or [file for file in files if file not in test]
    if not train:
        raise InputError(f"{files[0].parent}: expected a .parquet file of training images, got those of test images")
    parts = [_Part([_table(path) for path in paths]) for paths in (train, test)]
    tables = [table for part in parts for table in part.tables]
    rows = sum(table.file.metadata.num_rows for table in tables)
    memory.check(rows * size * size, raw=max(table.largest() for table in tables), where=files[0].parent)
    labels = [part.labels() for part in parts]
    images, notes = pictures.decode([*parts], size=size)
    sets = [ImageSet(*part) for part in zip(images, labels, strict=True)]
    return Split(sets[0], sets[1] if test else None, tuple(notes))


@dataclass(frozen=True)
class _Table:
    """An open parquet file with the two columns."""

    path: Path
    file: Any

    def largest(self) -> int:
        """Return how many bytes the largest group of rows declares that it has once it is unpacked."""
        metadata = self.file.metadata
        return max((metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)), default=0)

    def column(self, name: str) -> Iterator[Any]:
        """Yield the values of a column, as Python's own."""
        try:
            for batch in self.file.iter_batches(_ROWS, columns=[name]):
                yield from batch.column(0).to_pylist()
        except _BROKEN as error:
            raise InputError(f"{self.path}: expected an intact parquet file: {first_line(error)}") from None


@dataclass(frozen=True)
class _Part(Iterable[Encoded]):
    """The files of one part, one after another."""

    tables: list[_Table]

    def __iter__(self) -> Iterator[Encoded]:
        """Yield the encoded images in order."""
        for where, value in self._column(_IMAGE):
            content = value["bytes"] if isinstance(value, dict) else value
            if content is None:
                raise InputError(f"{where}: expected the bytes of an image, got none")
            yield Encoded(where, BytesIO(content))

    def labels(self) -> NDArray[np.int64]:
        """Return the labels in order."""
        found = []
        for where, value in self._column(_LABEL):
            if value is None or not 0 <= value < MOST_CLASSES:
                raise InputError(f"{where}: expected a label in 0...{MOST_CLASSES - 1}, got {value}")
            found.append(value)
        if self.tables and not found:
            raise InputError(f"{self.tables[0].path}: expected one image at least, got none")
        return np.array(found, np.int64)

    def _column(self, name: str) -> Iterator[tuple[str, Any]]:
        for table in self.tables:
            for row, value in enumerate(table.column(name)):
                yield f"{table.path}: row {row}", value


def _table(path: Path) -> _Table:
    """Open a file and check its columns, without reading them."""
    try:
        import pyarrow.parquet as reader  # noqa: PLC0415 (large, and needed by whoever has such files only)
        from pyarrow import types  # noqa: PLC0415
    except ModuleNotFoundError:
        raise InputError(
            f"{path}: reading parquet needs pyarrow, which is not installed: pip install '.[parquet]'"
        ) from None
    try:
        file = reader.ParquetFile(path)
        kinds = {field.name: field.type for field in file.schema_arrow}
    except _BROKEN as error:
        raise InputError(f"{path}: expected an intact parquet file: {first_line(error)}") from None
    image, label = kinds.get(_IMAGE), kinds.get(_LABEL)
    if image is not None and types.is_struct(image) and image.get_field_index("bytes") >= 0:
        image = image.field("bytes").type
    if image is None or label is None or not (types.is_binary(image) or types.is_large_binary(image)):
        found = listed(f"{name} ({kind})" for name, kind in kinds.items())
        raise InputError(f"{path}: expected columns image (bytes) and label (whole numbers), got {found}")
    if not types.is_integer(label):
        raise InputError(f"{path}: expected whole numbers in column label, got {label}")
    return _Table(path, file)
