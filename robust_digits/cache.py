"""The user's cache folder: what outlives a workspace, and may be deleted at any time."""

from pathlib import Path

import pooch


def folder(name: str) -> Path:
    """Return the folder of the cache with this name; it need not exist."""
    return Path(pooch.os_cache("robust-digits")) / name
