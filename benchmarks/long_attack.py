"""Attack what a suite left standing by one that is in no suite: long, from many starts, among them blocks and stripes.

`python -m benchmarks.long_attack MODEL --data TEST --verdicts CSV --eps EPS` takes a model that `dvc repro` made, an
image set, and the verdicts on its images (metrics/verdicts/MODEL.csv). Prints, and with --output adds to a file, the
worst case of the suite on the first images and what is left of it. A suite that is nearly as strong as attacks can be
loses a few tenths of a point.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks import records
from robust_digits import command, runtime
from robust_digits.attack import losses
from robust_digits.attack.losses import Loss
from robust_digits.attack.target import Images, Victim
from robust_digits.data import images
from robust_digits.errors import InputError
from robust_digits.learn import models
from robust_digits.record import machine

LOSSES: tuple[Loss, ...] = (losses.margin, losses.logits_ratio, losses.cross_entropy)
SIZES = 1, 2, 3, 5, 7, 10, 14  # pixels of a block or stripe


def main() -> None:
    """Read the command line, and attack."""
    told = _arguments()
    runtime.start(seed=0, threads=told.threads)
    test = images.load(told.data)[: told.samples]
    standing = stood(told.verdicts, len(test))
    victim = Victim(models.load(told.model), norm="inf", eps=told.eps)
    start = time.perf_counter()
    broken = _broken(victim, np.asarray(test.images), np.asarray(test.labels), np.flatnonzero(standing), told)
    row = {
        "model": told.name or told.model.stem,
        "eps": told.eps,
        "images": len(test),
        "suite": round(float(standing.mean()), 4),
        "left": round(float(standing.mean()) - len(broken) / len(test), 4),
        "broken": broken.tolist(),
        "restarts": told.restarts,
        "steps": told.steps,
        "seconds": round(time.perf_counter() - start, 1),
        "machine": machine.name(),
    }
    print(f"{row['model']}: {row['suite']:.2%} after the suite, {row['left']:.2%} after {told.restarts} longer attacks")
    if told.output:
        records.add(told.output, row)


def stood(verdicts: Path, count: int) -> NDArray[np.bool_]:
    """Return which of the first images the suite left standing."""
    with verdicts.open(encoding="utf-8") as file:
        column = [row["worst_case"] == "1" for row in csv.DictReader(file)]
    if len(column) < count:
        raise InputError(f"{verdicts}: expected verdicts on {count} images, got {len(column)}")
    return np.array(column[:count])


def _broken(
    victim: Victim, whole: Images, labels: NDArray[np.int64], rows: NDArray[np.int64], told: argparse.Namespace
) -> NDArray[np.int64]:
    """Return which of the named images fall to AutoPGD from many starts, each time by the next of several losses."""
    left = rows
    for again in tqdm(range(told.restarts), desc=f"{told.restarts} restarts of {told.steps} steps", leave=False):
        drawn = (np.random.default_rng((1, again, int(row))) for row in left)
        starts = [
            np.clip(whole[row] + told.eps * pattern(each, whole[row].shape, again), 0, 1)
            for each, row in zip(drawn, left, strict=True)
        ]
        ascent = victim.ascent(LOSSES[again % len(LOSSES)], adaptive=True)
        found = ascent.auto(
            whole[left],
            labels[left],
            start=np.array(starts, np.float32).reshape(-1, *whole.shape[1:]),
            eps=told.eps,
            steps=told.steps,
            indices=left,
        )
        left = left[victim.classifier.predict(found.images, indices=left).argmax(axis=1) == labels[left]]
    return np.setdiff1d(rows, left)


def pattern(generator: np.random.Generator, shape: tuple[int, ...], again: int) -> NDArray[np.float64]:
    """Return signs, (height, width, channels), that are the same all over a block, a row, or a column."""
    height, width, channels = shape
    size = int(generator.choice(SIZES))
    high, wide = ((size, size), (size, width), (height, size))[again // len(LOSSES) % 3]
    signs = generator.choice([-1.0, 1.0], (-(-height // high), -(-width // wide), channels))
    return np.repeat(np.repeat(signs, high, axis=0), wide, axis=1)[:height, :width]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="an image set, like data/normalized/test")
    parser.add_argument("--verdicts", type=Path, required=True, help="like metrics/verdicts/hardened.csv")
    parser.add_argument("--eps", type=float, required=True)
    parser.add_argument("--samples", type=int, default=1000, help="the first images (1000)")
    parser.add_argument("--restarts", type=int, default=45)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--name", help="of the model in the table, if not its file's")
    parser.add_argument("--output", type=Path, help="JSON file that the row is added to")
    return parser.parse_args()


if __name__ == "__main__":
    command.guarded(main)()
