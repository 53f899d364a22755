"""The user's cache folder: what outlives a workspace, and may be deleted at any time."""

import sys
from pathlib import Path

import pooch

from robust_digits.files import replacing


def folder(name: str) -> Path:
    """Return the folder of the cache with this name; it need not exist."""
    return Path(pooch.os_cache("robust-digits")) / name


def keep(path: Path, content: bytes, *, otherwise: str) -> bool:
    """Write a file of the cache, and return whether that could be done.

    The cache may be read-only, full or nowhere. That must not cost the work behind it, so it is only said, in one line
    that ends with what will happen `otherwise`.
    """
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        print(f"{path}: cannot be written ({error.strerror or error}); {otherwise}", file=sys.stderr, flush=True)
        return False
    return True
