"""How long it took to train a model, kept in the user's cache: no output may hold it, because no two runs agree."""

import hashlib
from pathlib import Path

from robust_digits.cache import place


def note(model: Path, seconds: float) -> None:
    """Remember how long it took to make a file."""
    kept = _kept(hashlib.md5(model.read_bytes(), usedforsecurity=False).hexdigest())
    text = f"{seconds:.1f}\n"
    otherwise = f"how long {model} took will not be known"
    place.keep(kept, lambda path: path.write_text(text, encoding="utf-8"), otherwise=otherwise)


def recall(md5: str) -> float | None:
    """Return the seconds that it took to make the file with this MD5 sum, the one in dvc.lock, or None if unknown."""
    try:
        return float(_kept(md5).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _kept(md5: str) -> Path:
    return place.folder("seconds") / f"{md5}.txt"
