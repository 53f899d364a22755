"""Compare `autoattack` with the official implementation, and with torchattacks': the same networks and images, in turn.

`python -m benchmarks.autoattack MODEL [MODEL ...] --data TEST --eps EPS --checkout DIR --torch PYTHON` takes models
that `dvc repro` made, an image set, a checkout of the official implementation and the Python of an environment with
PyTorch.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import arithmetic, export, records
from benchmarks.contenders import limit
from robust_digits import command, runtime
from robust_digits.attack.suite import Done, Suite
from robust_digits.attack.table import ATTACKS, Ensemble
from robust_digits.attack.target import Images, Target
from robust_digits.data import images
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.learn import models
from robust_digits.params import Section
from robust_digits.record import machine
from robust_digits.runtime import keras

_SIDE = 2048  # of the matrices whose products tell how fast the machine multiplies
_FEW = 128  # images that all members are tried on before the clock runs
_OWN_VARIABLES = "ONEDNN_"  # beginning of the variables by which this project holds back its own products


@dataclass(frozen=True)
class Outcome:
    """Which images stand before the attack and after each of its members, and what the whole and each took."""

    standing: Mapping[str, NDArray[np.bool_]]
    seconds: float
    of_members: Mapping[str, float]

    @property
    def left(self) -> NDArray[np.bool_]:
        """Which images stand after the last member."""
        return list(self.standing.values())[-1]


def main() -> None:
    """Read the command line, and compare model after model."""
    told = _arguments()
    if told.name and len(told.models) > 1:
        raise InputError(f"--name: expected one MODEL beside it, got {len(told.models)}")
    runtime.start(seed=0, threads=told.threads)
    test = images.load(told.data)[: told.samples]
    for path in told.models:
        row = _compare(path, test, told)
        print(_shown(row), flush=True)
        if told.output:
            records.add(told.output, row)


def _compare(path: Path, test: ImageSet, told: argparse.Namespace) -> dict[str, Any]:
    """Run all on a model, and return its row: what each leaves, where official and ours disagree, the seconds."""
    model, watch = models.load(path), Stopwatch()
    suite = Suite(model, eps=told.eps, seed=told.seed, norm=told.norm, keeper=watch)
    logits = suite.model.predict(np.asarray(test.images))
    outcomes, off, used = _others(model, test, logits, told)
    outcomes = {"ours": ours(suite, watch, test, logits), **outcomes}
    least = operations(model, outcomes["ours"]) * limit.rate(_SIDE)
    versions = {name: version(name) for name in ("tensorflow", "keras", "numpy")}
    return {
        "model": path.stem if told.name is None else told.name,
        "eps": told.eps,
        "norm": told.norm,
        "images": len(test),
        "seed": told.seed,
        "threads": told.threads,
        **{who: _shares(each) for who, each in outcomes.items()},
        "disagree": np.flatnonzero(outcomes["ours"].left != outcomes["official"].left).tolist(),
        "seconds": {who: _short(each.seconds) for who, each in outcomes.items()},
        "seconds_of_arithmetic": _short(least),
        "seconds_of_members": {
            who: {name: _short(spent) for name, spent in each.of_members.items()} for who, each in outcomes.items()
        },
        "logits_differ_by": off,
        "machine": machine.name(),
        "versions": {"auto-attack": _commit(told.checkout), **versions, **used},
    }


def _shares(outcome: Outcome) -> dict[str, float]:
    """Return the share of images that stands before the attack and after each member."""
    return {name: round(float(left.mean()), 4) for name, left in outcome.standing.items()}


def _short(seconds: float) -> float:
    return float(f"{seconds:.4g}")


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


def _others(
    model: keras.Model, test: ImageSet, logits: NDArray[np.float32], told: argparse.Namespace
) -> tuple[dict[str, Outcome], float, dict[str, str]]:
    """Attack the same network by every implementation in PyTorch; return also how far logits are, and versions."""
    outcomes: dict[str, Outcome] = {}
    versions: dict[str, str] = {}
    off = 0.0
    with tempfile.TemporaryDirectory() as folder:
        given = {"eps": told.eps, "norm": str(told.norm), "threads": told.threads, "seed": told.seed}
        export.write(Path(folder), model, test, logits, told=given)
        for name, implementation in _peers(told).items():
            outcomes[name], off, used = in_torch(implementation, Path(folder), told.torch)
            versions |= used
    return outcomes, off, versions


def operations(model: keras.Model, outcome: Outcome) -> float:
    """Return the operations of the standard version, in billions, on images that stand to the end of each member.

    FAB asks once more about each step.
    """
    told, gradient, answer = Ensemble(), arithmetic.gradient(model), arithmetic.answer(model)
    each = {
        "apgd_ce": told.steps * gradient,
        "apgd_t": told.steps * told.targets * gradient,
        "fab_t": told.steps * told.targets * (gradient + answer),
        "square": told.queries * answer,
    }
    return sum(one * int(outcome.standing[name].sum()) for name, one in each.items())


def _peers(told: argparse.Namespace) -> dict[str, str]:
    """Return the name of each implementation in PyTorch, and what benchmarks/in_torch.py is told of it."""
    return {"official": str(told.checkout.absolute())} | ({"torchattacks": "torchattacks"} if told.torchattacks else {})


def in_torch(implementation: str, folder: Path, python: Path) -> tuple[Outcome, float, dict[str, str]]:
    """Attack the network that was written to a folder; return also by how much logits differ, and the versions.

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
    return Outcome(standing, sum(said["seconds"].values()), said["seconds"]), said["off"], said["versions"]


def _commit(checkout: Path) -> str:
    """Return the commit of the official implementation."""
    asked = ["git", "-C", str(checkout), "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 (git itself)


def _shown(row: dict[str, Any]) -> str:
    seconds = row["seconds"]
    others = ", ".join(
        f"{who} {list(row[who].values())[-1]:.2%} in {spent:.0f} s ({spent / seconds['ours']:.1f} times)"
        for who, spent in seconds.items()
        if who != "ours"
    )
    return (
        f"{row['model']:<12} eps {row['eps']:g} L{row['norm']}: ours {row['ours']['square']:.2%} in "
        f"{seconds['ours']:.0f} s, {others}; {len(row['disagree'])} of {row['images']} differ {row['disagree'][:8]}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--data", type=Path, required=True, help="an image set, like data/normalized/test")
    parser.add_argument("--eps", type=float, required=True)
    parser.add_argument("--norm", default="inf", type=lambda text: text if text == "inf" else int(text))
    parser.add_argument("--samples", type=int, default=1000, help="the first images (1000)")
    parser.add_argument("--checkout", type=Path, required=True, help="of the official implementation")
    parser.add_argument("--torch", type=Path, required=True, help="Python of an environment with PyTorch")
    parser.add_argument("--torchattacks", action="store_true", help="run that of torchattacks too")
    parser.add_argument("--seed", type=int, default=0, help="of every implementation's draws")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--name", help="of the model in the table, if not its file's")
    parser.add_argument("--output", type=Path, help="JSON file that the rows are added to")
    return parser.parse_args()


if __name__ == "__main__":
    command.guarded(main)()
