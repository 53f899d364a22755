"""Compare `autoattack` with the official implementation, and with torchattacks': the same networks and images, in turn.

`python -m benchmarks.autoattack MODEL [MODEL ...] --data TEST --eps EPS --checkout DIR --torch PYTHON` takes models
that `dvc repro` made, an image set, a checkout of the official implementation and the Python of an environment with
PyTorch.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import arithmetic, export
from robust_digits import command, files, runtime
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import ATTACKS, Ensemble
from robust_digits.data import images
from robust_digits.data.images import ImageSet
from robust_digits.learn import models
from robust_digits.record import machine
from robust_digits.runtime import keras

_SIDE = 2048  # of the matrices whose products tell how fast the machine multiplies


@dataclass(frozen=True)
class Outcome:
    """Which images stand before the attack and after each of its members, and what the whole and each took."""

    standing: Mapping[str, NDArray[np.bool_]]
    seconds: float
    of_members: Mapping[str, float] = field(default_factory=dict)

    @property
    def left(self) -> NDArray[np.bool_]:
        """Which images stand after the last member."""
        return list(self.standing.values())[-1]


def main() -> None:
    """Read the command line, and compare model after model."""
    told = _arguments()
    runtime.start(seed=0, threads=told.threads)
    test = images.load(told.data)[: told.samples]
    for path in told.models:
        row = _compare(path, test, told)
        print(_shown(row), flush=True)
        if told.output:
            known = json.loads(told.output.read_text()) if told.output.exists() else []
            kept = [each for each in known if each["model"] != row["model"]]
            files.write(told.output, json.dumps([*kept, row], indent=1) + "\n")


def _compare(path: Path, test: ImageSet, told: argparse.Namespace) -> dict[str, Any]:
    """Run all on a model, and return its row: what each leaves, where official and ours disagree, the seconds."""
    model = models.load(path)
    suite = Suite(model, eps=told.eps, seed=told.seed, norm=told.norm)
    logits = suite.model.predict(np.asarray(test.images))
    outcomes = {"ours": _ours(suite, test, logits)}
    least = _operations(model, outcomes["ours"]) * arithmetic.rate(_SIDE)
    versions = {name: version(name) for name in ("tensorflow", "keras", "numpy")}
    with tempfile.TemporaryDirectory() as folder:
        given = {"eps": told.eps, "norm": str(told.norm), "threads": told.threads, "seed": told.seed}
        export.write(Path(folder), model, test, logits, told=given)
        for name, implementation in _peers(told).items():
            outcomes[name], off, used = _in_torch(implementation, Path(folder), told.torch)
            versions |= used
    return {
        "model": path.stem if told.name is None else told.name,
        "eps": told.eps,
        "norm": told.norm,
        "images": len(test),
        "seed": told.seed,
        **{
            who: {name: round(float(left.mean()), 4) for name, left in each.standing.items()}
            for who, each in outcomes.items()
        },
        "disagree": np.flatnonzero(outcomes["ours"].left != outcomes["official"].left).tolist(),
        "seconds": {who: round(each.seconds, 1) for who, each in outcomes.items()},
        "seconds_of_arithmetic": round(least, 1),
        "seconds_of_members": {
            who: {name: round(spent, 1) for name, spent in each.of_members.items()}
            for who, each in outcomes.items()
            if each.of_members
        },
        "logits_differ_by": off,
        "machine": machine.name(),
        "versions": {"auto-attack": _commit(told.checkout), **versions},
    }


def _ours(suite: Suite, test: ImageSet, logits: NDArray[np.float32]) -> Outcome:
    """Attack by the suite, and return what stands."""
    start = time.perf_counter()
    found = suite.attack("autoattack", Ensemble(), test, test.images)
    seconds = time.perf_counter() - start
    right = logits.argmax(axis=1) == test.labels
    after = {
        name: right & ((found.by < 0) | (found.by > number))
        for number, name in enumerate(ATTACKS["autoattack"].members)
    }
    return Outcome({"clean": right} | after, seconds)


def _operations(model: keras.Model, ours: Outcome) -> float:
    """Return the operations of the standard version, in billions, on images that stand to the end of each member.

    A gradient by an image costs as much as the answer that it is of. FAB asks once more about each step.
    """
    told = Ensemble()
    step = {"apgd_ce": 2 * told.steps, "apgd_t": 2 * told.steps * told.targets}
    answers = step | {"fab_t": 3 * told.steps * told.targets, "square": told.queries}
    forward = sum(arithmetic.forward(layer) for layer in arithmetic.weighted(model))
    return forward * sum(each * int(ours.standing[name].sum()) for name, each in answers.items())


def _peers(told: argparse.Namespace) -> dict[str, str]:
    """Return the name of each implementation in PyTorch, and what benchmarks/in_torch.py is told of it."""
    return {"official": str(told.checkout)} | ({"torchattacks": "torchattacks"} if told.torchattacks else {})


def _in_torch(implementation: str, folder: Path, python: Path) -> tuple[Outcome, float, dict[str, str]]:
    """Attack the network that was written to a folder; return also by how much logits differ, and the versions."""
    answer, script = folder / "found.npz", Path(__file__).with_name("in_torch.py")
    subprocess.run(  # noqa: S603 (the caller's own interpreter and checkout)
        [python, script, implementation, folder, answer], check=True, stdout=subprocess.DEVNULL
    )
    with np.load(answer, allow_pickle=False) as arrays:
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
