"""Compare `autoattack` with the official implementation: the same networks and images, one after the other.

`python -m benchmarks.autoattack MODEL [MODEL ...] --data TEST --eps EPS --checkout DIR --torch PYTHON` takes models
that `dvc repro` made, an image set, a checkout of the official implementation and the Python of an environment with
PyTorch.
"""

import argparse
import json
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import export
from robust_digits import command, files, runtime
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import ATTACKS, Ensemble
from robust_digits.data import images
from robust_digits.data.images import ImageSet
from robust_digits.learn import models
from robust_digits.record import machine

OFFICIAL = "apgd-ce", "apgd-t", "fab-t", "square"


def main() -> None:
    """Read the command line, and compare model after model."""
    told = _arguments()
    runtime.start(seed=0, threads=told.threads)
    test = images.load(told.data)[: told.samples]
    rows = []
    for path in told.models:
        rows.append(_compare(path, test, told))
        print(_shown(rows[-1]), flush=True)
    if told.output:
        known = json.loads(told.output.read_text()) if told.output.exists() else []
        kept = [row for row in known if row["model"] not in {row["model"] for row in rows}]
        files.write(told.output, json.dumps(kept + rows, indent=1) + "\n")


def _compare(path: Path, test: ImageSet, told: argparse.Namespace) -> dict[str, Any]:
    """Run both on a model, and return what each leaves standing, where they disagree, and the seconds."""
    model = models.load(path)
    suite = Suite(model, eps=told.eps, seed=0, norm=told.norm)
    start = time.perf_counter()
    found = suite.attack("autoattack", Ensemble(), test, test.images)
    seconds = time.perf_counter() - start
    right = suite.model.predict(np.asarray(test.images)).argmax(axis=1) == test.labels
    ours = {"clean": right} | {
        name: right & ((found.by < 0) | (found.by > number))
        for number, name in enumerate(ATTACKS["autoattack"].members)
    }
    with tempfile.TemporaryDirectory() as folder:
        logits = suite.model.predict(np.asarray(test.images))
        ball = {"eps": told.eps, "norm": str(told.norm), "threads": told.threads}
        export.write(Path(folder), model, test, logits, told=ball)
        answer = Path(folder) / "found.npz"
        script = Path(__file__).with_name("official.py")
        subprocess.run(  # noqa: S603 (the caller's own interpreter and checkout)
            [told.torch, script, told.checkout, folder, answer], check=True, stdout=subprocess.DEVNULL
        )
        with np.load(answer, allow_pickle=False) as arrays:
            theirs = {name: arrays[name] for name in ("clean", *OFFICIAL) if name in arrays.files}
            spent, versions = (json.loads(str(arrays[name])) for name in ("seconds", "versions"))
    last = list(theirs)[-1]
    return {
        "model": path.stem if told.name is None else told.name,
        "eps": told.eps,
        "norm": told.norm,
        "images": len(test),
        "ours": {name: round(float(each.mean()), 4) for name, each in ours.items()},
        "official": {name: round(float(each.mean()), 4) for name, each in theirs.items()},
        "disagree": np.flatnonzero(ours["square"] != theirs[last]).tolist(),
        "seconds": {"ours": round(seconds, 1), "official": round(sum(spent.values()), 1)},
        "official_seconds": {name: round(each, 1) for name, each in spent.items()},
        "logits_differ_by": versions["off"],
        "machine": machine.name(),
        "versions": {
            "auto-attack": _commit(told.checkout),
            "torch": versions["torch"],
            **{name: version(name) for name in ("tensorflow", "keras", "numpy")},
        },
    }


def _commit(checkout: Path) -> str:
    """Return the commit of the official implementation."""
    asked = ["git", "-C", str(checkout), "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 (git itself)


def _shown(row: dict[str, Any]) -> str:
    ours, official, seconds = row["ours"]["square"], list(row["official"].values())[-1], row["seconds"]
    return (
        f"{row['model']:<12} eps {row['eps']:g} L{row['norm']}: ours {ours:.2%}, official {official:.2%}, "
        f"{len(row['disagree'])} of {row['images']} differ {row['disagree'][:8]}, "
        f"{seconds['ours']:.0f} s against {seconds['official']:.0f}, {seconds['official'] / seconds['ours']:.1f} times"
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
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--name", help="of the model in the table, if not its file's")
    parser.add_argument("--output", type=Path, help="JSON file that the rows are added to")
    return parser.parse_args()


if __name__ == "__main__":
    command.guarded(main)()
