"""Compare `autoattack` with the official implementation, and with torchattacks': the same networks and images, in turn.

`python -m benchmarks.autoattack MODEL [MODEL ...] --data TEST --eps EPS --checkout DIR --torch PYTHON` takes models
that `dvc repro` made, an image set, a checkout of the official implementation and the Python of an environment with
PyTorch.
"""

import argparse
import tempfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import answer, arithmetic, export, records
from benchmarks.contenders import limit
from benchmarks.implementations import Outcome, Stopwatch, in_torch, ours
from robust_digits import command, runtime
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import Ensemble
from robust_digits.data import images
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.history import revisions
from robust_digits.learn import models
from robust_digits.record import machine
from robust_digits.runtime import keras

_SIDE = 2048  # of the matrices whose products tell how fast the machine multiplies


def main() -> None:
    """Read the command line, and compare model after model."""
    told = _arguments()
    if told.name and len(told.models) > 1:
        raise InputError(f"--name: expected one MODEL beside it, got {len(told.models)}")
    official = commit(told.checkout)
    runtime.start(seed=0, threads=told.threads)
    test = images.load(told.data)[: told.samples]
    for path in told.models:
        row = _compare(path, test, told, official=official)
        print(_shown(row), flush=True)
        if told.output:
            records.add(told.output, row)


def _compare(path: Path, test: ImageSet, told: argparse.Namespace, *, official: str) -> dict[str, Any]:
    """Run all on a model, and return its row: what each leaves, where official and ours disagree, the seconds.

    `official` is the commit of the official implementation.
    """
    model, watch = models.load(path), Stopwatch()
    suite = Suite(model, eps=told.eps, seed=told.seed, norm=told.norm, keeper=watch)
    logits = suite.model.predict(np.asarray(test.images))
    with tempfile.TemporaryDirectory() as folder:
        given = {"eps": told.eps, "norm": str(told.norm), "threads": told.threads, "seed": told.seed}
        export.write(Path(folder), model, test, logits, told=given)
        others = {name: in_torch(each, Path(folder), told.torch) for name, each in _peers(told).items()}
    outcomes = {"ours": ours(suite, watch, test, logits), **others}
    least = operations(model, outcomes["ours"]) * limit.rate(_SIDE)
    versions = {"auto-attack": official}
    versions |= {name: version(name) for name in ("tensorflow", "keras", "numpy")}
    for each in others.values():
        versions |= each.versions
    return {
        "model": path.stem if told.name is None else told.name,
        "eps": told.eps,
        "norm": told.norm,
        "images": len(test),
        "seed": told.seed,
        "threads": told.threads,
        **{who: _shares(each) for who, each in outcomes.items()},
        "disagree": np.flatnonzero(outcomes["ours"].left != outcomes["official"].left).tolist(),
        "seconds": {who: answer.rounded(each.seconds) for who, each in outcomes.items()},
        "seconds_of_arithmetic": answer.rounded(least),
        "seconds_of_members": {
            who: {name: answer.rounded(spent) for name, spent in each.of_members.items()}
            for who, each in outcomes.items()
        },
        "logits_differ_by": max(each.off for each in others.values()),
        "machine": machine.name(),
        "versions": versions,
    }


def _shares(outcome: Outcome) -> dict[str, float]:
    """Return the share of images that stands before the attack and after each member."""
    return {name: round(float(left.mean()), 4) for name, left in outcome.standing.items()}


def operations(model: keras.Model, outcome: Outcome) -> float:
    """Return the operations of the standard version, in billions, on the images that stand after each member.

    FAB asks once more about each step.
    """
    told, gradient, forward = Ensemble(), arithmetic.gradient(model), arithmetic.answer(model)
    each = {
        "apgd_ce": told.steps * gradient,
        "apgd_t": told.steps * told.targets * gradient,
        "fab_t": told.steps * told.targets * (gradient + forward),
        "square": told.queries * forward,
    }
    return sum(one * int(outcome.standing[name].sum()) for name, one in each.items())


def _peers(told: argparse.Namespace) -> dict[str, str]:
    """Return the name of each implementation in PyTorch, and what benchmarks/in_torch.py is told of it."""
    return {"official": str(told.checkout.absolute())} | ({"torchattacks": "torchattacks"} if told.torchattacks else {})


def commit(checkout: Path) -> str:
    """Return the commit of a checkout; an InputError if the folder is none, such as one inside of a checkout."""
    with suppress(InputError):  # git's: no repository, or none with a commit
        if Path(revisions.ask(checkout, "rev-parse", "--show-toplevel").rstrip("\n")).samefile(checkout):
            return revisions.ask(checkout, "rev-parse", "--short=12", "HEAD").strip()
    raise InputError(f"--checkout: expected a checkout by git, got {checkout}")


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
