"""Bring what DVC has of a revision out of its cache or its remote: git knows these files by their hashes only."""

import hashlib
from pathlib import Path

from robust_digits.errors import InputError
from robust_digits.history.revisions import Revision


def fetch(revision: Revision, path: str, target: Path, *, md5: str, root: Path) -> None:
    """Copy a file of a revision of the repository at `root`, one that dvc.lock knows under this MD5 sum, to `target`.

    Raises
    ------
    InputError
        If it is neither in the cache nor in the remote, or is another file than dvc.lock says.
    """
    from dvc.api import DVCFileSystem  # noqa: PLC0415 (slow, and the report does without)
    from dvc.exceptions import DvcException  # noqa: PLC0415

    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        DVCFileSystem(str(root), rev=None if revision.changed else revision.commit).get_file(path, str(target))
    except (OSError, DvcException) as error:
        raise InputError(
            f"{path} of {revision.label} is neither in DVC's cache nor in its remote; `dvc repro` on a checkout of "
            f"that commit makes it ({type(error).__name__})"
        ) from None
    if hashlib.md5(target.read_bytes(), usedforsecurity=False).hexdigest() != md5:
        raise InputError(f"{path} of {revision.label}: what the cache or the remote has is another file")
