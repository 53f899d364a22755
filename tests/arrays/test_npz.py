"""Arrays of an archive are what was saved, however they lie, or refused for what their headers say."""

import io
import zipfile
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.formats import archive, npy

from robust_digits.arrays import npz
from robust_digits.errors import DAMAGED

VALUES = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def opened(content: bytes) -> zipfile.ZipFile:
    """Return an archive of one array, `a`, whose file has this content."""
    return zipfile.ZipFile(io.BytesIO(archive({"a.npy": content})))


@pytest.mark.parametrize("values", [VALUES, np.asfortranarray(VALUES), VALUES[0, 0, 0], VALUES[:0], VALUES > 3])
def test_an_array_comes_back(values: NDArray[Any]) -> None:
    """By rows or by columns, of one number or of none; its shape is known before it is read."""
    held = opened(npy(np.asanyarray(values)))
    assert npz.shapes(held, ["a"]) == {"a": values.shape}
    found = npz.array(held, "a")
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)


@pytest.mark.fault("refused")
@pytest.mark.parametrize("content", [npy(VALUES) + b"x", npy(VALUES)[:-1], npy(VALUES)[:9], b""])
def test_an_array_that_is_not_as_its_header_says(content: bytes) -> None:
    """Longer, shorter, or without a header: neither its shape nor its numbers are given."""
    for read in (lambda held: npz.shapes(held, ["a"]), lambda held: npz.array(held, "a")):
        with pytest.raises(DAMAGED):
            read(opened(content))


@pytest.mark.fault("refused")
def test_python_objects_are_not_loaded() -> None:
    """To load one is to run whatever code it names."""
    with pytest.raises(ValueError, match="a holds Python objects, which are not loaded"):
        npz.array(opened(npy(np.array([{}]))), "a")


@pytest.mark.fault("refused")
def test_a_flipped_byte_does_not_fit_the_checksum() -> None:
    """A zip file has one of each member."""
    content = archive({"a.npy": npy(VALUES)})
    at = content.index(VALUES.tobytes()) + 5
    flipped = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    with pytest.raises(zipfile.BadZipFile, match="Bad CRC-32"):
        npz.array(zipfile.ZipFile(io.BytesIO(flipped)), "a")
