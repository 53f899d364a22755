"""The implementations of AutoAttack that are compared: the suite of this project, and processes of PyTorch."""

import json
import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack.suite import Done, Suite
from robust_digits.attack.table import ATTACKS, Ensemble
from robust_digits.attack.target import Images, Target
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.params import Section

_FEW = 128  # images that all members are tried on before the clock runs
_OWN_VARIABLES = "ONEDNN_"  # beginning of the variables by which this project holds back its own products


@dataclass(frozen=True)
class Outcome:
    """Which images stand before the attack and after each of its members, and what the whole and each took.

    Of an implementation in PyTorch also by how much its logits differ at most, and the versions of its packages.
    """

    standing: Mapping[str, NDArray[np.bool_]]
    seconds: float
    of_members: Mapping[str, float]
    off: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def left(self) -> NDArray[np.bool_]:
        """Which images stand after the last member."""
        return list(self.standing.values())[-1]


class Stopwatch:
    """Keeps no block, and adds up what the blocks of each member took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def kept(self, block: Target, settings: Section) -> Images | None:  # noqa: ARG002 (as every keeper is asked)
        """Return None: every block is done anew."""
        return None

    def keep(self, block: Target, settings: Section, done: Done) -> None:  # noqa: ARG002 (as every keeper is told)
        """Add the seconds of a block."""
        self.seconds[block.name] += done.seconds


def ours(suite: Suite, watch: Stopwatch, test: ImageSet, logits: NDArray[np.float32]) -> Outcome:
    """Attack by the suite, compiled before, and return what stands."""
    few = test[:_FEW]
    suite.attack("autoattack", Ensemble(steps=1, targets=1, queries=1), few, few.images)
    watch.seconds.clear()
    start = time.perf_counter()
    found = suite.attack("autoattack", Ensemble(), test, test.images)
    seconds = time.perf_counter() - start
    right = logits.argmax(axis=1) == test.labels
    after = {
        name: right & ((found.by < 0) | (found.by > number))
        for number, name in enumerate(ATTACKS["autoattack"].members)
    }
    return Outcome({"clean": right} | after, seconds, dict(watch.seconds))


def in_torch(implementation: str, folder: Path, python: Path) -> Outcome:
    """Attack the network that benchmarks/export.py wrote to a folder, and return what stands.

    PyTorch starts as it would by itself: what this project sets for its own oneDNN would hold back PyTorch's too.
    """
    found, home = folder / "found.npz", Path(__file__).parents[1]
    command = [str(python.absolute()), "-m", "benchmarks.in_torch", implementation, str(folder), str(found)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_VARIABLES)}
    environment["PYTHONPATH"] = str(home)
    done = subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL)  # noqa: S603 (the caller's)
    if done.returncode:
        raise InputError(f"{implementation}: could not be run, as said above")
    with np.load(found, allow_pickle=False) as arrays:
        said = json.loads(str(arrays["said"]))
        standing = {name: arrays[name] for name in ("clean", *said["seconds"])}
    return Outcome(standing, sum(said["seconds"].values()), said["seconds"], said["off"], said["versions"])
