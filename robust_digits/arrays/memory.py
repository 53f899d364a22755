"""How much memory there is, and whether images fit into it."""

import os
import resource
from contextlib import suppress
from pathlib import Path

import numpy as np

from robust_digits.errors import InputError

_CONFINED = Path("/sys/fs/cgroup/memory.max")  # of a container


def check(values: int, *, raw: int, where: object) -> None:
    """Raise `InputError` unless so many values, as float32 and copied once, fit into memory beside `raw` bytes."""
    needed = raw + 2 * np.dtype(np.float32).itemsize * values
    if needed > limit():
        raise InputError(f"{where}: expected images that fit into {limit():,} bytes of memory, got {needed:,} bytes")


def limit() -> int:
    """Return how many bytes of memory this process can have at most: the machine's, or what it is confined to."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), resource.getrlimit(resource.RLIMIT_AS)[0]]
    with suppress(OSError, ValueError):  # there is no such file, or it says max
        limits.append(int(_CONFINED.read_text(encoding="ascii")))
    return min(limit for limit in limits if limit != resource.RLIM_INFINITY)
