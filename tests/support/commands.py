"""A command of the project, run in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PATIENCE = 300  # seconds


def run(module: str, *arguments: str, at: Path, without: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run a module of the package in a folder, where the libraries in `without` cannot be imported."""
    forbid = f"import sys; sys.modules.update(dict.fromkeys({list(without)}))"
    start = f"{forbid}; import runpy; runpy.run_module('robust_digits.{module}', None, '__main__')"
    return subprocess.run(
        [sys.executable, "-c", start, *arguments],
        cwd=at,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE,
    )
