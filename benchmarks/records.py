"""Rows of a file that commands of this folder add to, one for each thing that was measured."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robust_digits import files

KEY = "model", "eps", "norm", "seed", "images", "threads", "restarts", "steps"  # what makes a row another one


def add(path: Path, row: Mapping[str, Any]) -> None:
    """Add a row to a JSON file, in the place of the one that was measured on the same in the same way."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    kept = [each for each in known if any(each.get(name) != row.get(name) for name in KEY)]
    files.write(path, json.dumps([*kept, row], indent=1) + "\n")
