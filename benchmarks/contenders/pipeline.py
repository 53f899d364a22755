"""The stages of the tutorial by `dvc repro`, nothing made yet and then after changes, and the tutorial as a script."""

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import answer
from benchmarks.answer import Answer
from benchmarks.contenders import project
from benchmarks.contenders.project import Cost
from benchmarks.inputs import Inputs

_SCRIPT = Path(__file__).parents[1] / "tutorial.py"
_LAST = "train_robust"  # what the tutorial ends with; all before it is made too


def cold(given: Inputs) -> Answer:
    """Make everything; then again with nothing changed, with another eps, with one more epoch of the last stage."""
    with project.copy(given) as copied:
        command = "-m", "dvc", "repro", _LAST
        first = copied.run(*command)
        parts = {"everything": _times(first), "nothing": _times(copied.run(*command))}
        for name, value in {"craft.eps": 0.3, "retrain.epochs": given.sizes["epochs"] + 1}.items():
            copied.set({name: value})
            parts[name] = _times(copied.run(*command))
    return Answer(first.seconds, parts=parts, versions=answer.versions("dvc", "tensorflow", "keras"))


def _times(cost: Cost) -> dict[str, float]:
    """Return what a run of DVC took with all its stages; the memory that was watched is DVC's own."""
    return {"seconds": cost.seconds, "cpu": cost.cpu}


def script(given: Inputs) -> Answer:
    """Run the script from its start to its end, imports and all."""
    with tempfile.TemporaryDirectory() as folder:
        project.digits(given, Path(folder) / "mnist.npz")
        command = [sys.executable, str(_SCRIPT), "mnist.npz", str(given.sizes["epochs"])]
        seconds = answer.timed(
            lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True)  # noqa: S603 (our own words)
        )
    packages = "keras", "tensorflow", "adversarial-robustness-toolbox"
    return Answer(seconds, versions=answer.versions(*packages))
