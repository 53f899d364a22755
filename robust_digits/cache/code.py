"""What results are made with: a kept one may be taken again only by the same code and libraries."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("adversarial-robustness-toolbox", "keras", "numpy", "tensorflow")
_PROJECT = Path(__file__).parents[1]


def libraries() -> str:
    """Return the versions of the libraries that compute for this project."""
    return " ".join(f"{name} {version(name)}" for name in LIBRARIES)


@cache
def fingerprint(project: Path = _PROJECT) -> str:
    """Return the SHA-256 of all modules of this project and of the versions of the libraries that compute for it.

    All modules, because no list of those that a result depends on stays true for long; and code seldom changes between
    an interruption and the run that goes on.
    """
    digest = hashlib.sha256(libraries().encode())
    for path in sorted(project.rglob("*.py")):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(project).as_posix()} {content}\n".encode())
    return digest.hexdigest()
