"""Data sets read in little memory, and what is held of each: valid, or refused in one line.

The address space leaves half a gigabyte, and a data set may have 64 MiB: whoever believes a header runs out of memory,
and that is no `InputError`.
"""

import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robust_digits.arrays import memory
from robust_digits.data import formats, images
from robust_digits.errors import InputError

LONGEST = 1000  # characters of a line that a person reads
LIMIT = 2**26  # bytes that a data set may take
ROOM = 2**29  # bytes that this process may grow by


@pytest.fixture(scope="module")
def little_memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Leave this process some room to grow, and a data set less, as a container does."""
    import pyarrow.parquet  # noqa: F401 (which takes address space of its own)

    status = Path("/proc/self/status").read_text(encoding="ascii")
    used = 1024 * int(status.partition("VmSize:")[2].split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.MonkeyPatch.context() as patch:
        confined = tmp_path_factory.mktemp("limits") / "memory.max"
        confined.write_text(f"{LIMIT}\n", encoding="ascii")
        patch.setattr(memory, "_CONFINED", confined)
        resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, hard))
        yield
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def one_line(error: InputError, folder: Path) -> str:
    """Hold that a refusal is one line that says where, and return what it says behind that."""
    said = str(error)
    assert said.isprintable()
    assert len(said) < LONGEST
    assert str(folder) in said or said.startswith(("images of", "expected"))
    return said


def refusal(folder: Path) -> str:
    """Return what the files in a folder are refused with."""
    with pytest.raises(InputError) as caught:
        formats.read(folder, size=4)
    return one_line(caught.value, folder)


def read_or_refuse(folder: Path) -> None:
    """Hold that the files in a folder give a valid set, or are refused in one line."""
    try:
        split = formats.read(folder, size=4)
    except InputError as error:
        one_line(error, folder)
    else:
        for part in (split.train, split.test):
            if part is not None:
                images.check(part, where="part")
                assert part.images.shape[-1] in {1, 3}
                assert np.ptp(part.images) > 1 / 255
