"""The user's cache folder: what outlives a workspace, and may be deleted at any time."""

import sys
from collections.abc import Callable
from pathlib import Path

import pooch

from robust_digits.errors import InputError
from robust_digits.files import replacing


def folder(name: str) -> Path:
    """Return the folder of the cache with this name; it need not exist."""
    return Path(pooch.os_cache("robust-digits")) / name


def keep(path: Path, write: Callable[[Path], object], *, otherwise: str) -> bool:
    """Have a file of the cache written, and return whether that could be done.

    The cache may be read-only, full or nowhere. That must not cost the work behind it, so it is only said, in one line
    that ends with what will happen `otherwise`.
    """
    try:
        with replacing(path) as temporary:
            write(temporary)
    except (OSError, InputError) as error:  # the latter if there is no room
        said = getattr(error, "strerror", None) or str(error).removeprefix(f"{path}: ")
        print(f"{path}: cannot be written ({said}); {otherwise}", file=sys.stderr, flush=True)
        return False
    return True
