"""Run every attack of the table on a few test images, the slow ones too, and print how each one does.

With `--record`, the lines of the model take the place of its earlier ones in a CSV file, which is drawn beside it.
"""

import argparse
import time
from pathlib import Path

from robust_digits import tables
from robust_digits.attack.table import ATTACKS, Attacks
from robust_digits.command import guarded
from robust_digits.data import images
from robust_digits.errors import InputError
from robust_digits.judge.views import label
from robust_digits.params import Positive, Section, Seed, Threads, load
from robust_digits.tables import Cell

_HEADER = f"{'attack':<20} {'right within eps':>17} {'right at all':>13} {'median L2':>10} {'Linf':>6} {'s/image':>8}"
COLUMNS = ("value", "model", "attack", "eps", "images", "within", "at_all", "l2", "linf", "seconds")


class Evaluate(Section, others=("curve",)):
    """The size of the ball, and the settings of the attacks that the pipeline runs."""

    eps: Positive
    attacks: Attacks


class Params(Section):
    """What this command reads from params.yaml."""

    seed: Seed
    threads: Threads
    evaluate: Evaluate


def survey(params: Params, model: Path, test: Path, transfer: Path, *, samples: int) -> list[dict[str, Cell]]:
    """Print and return a line for each attack, by the names of `COLUMNS`.

    `within` is the share of images that is right at eps, `at_all` whatever the size of the perturbation, `l2` and
    `linf` the median sizes of the perturbations that succeed, and `seconds` how long an image takes.
    """
    import numpy as np  # noqa: PLC0415

    from robust_digits import runtime  # noqa: PLC0415 (after the parameters are checked)
    from robust_digits.arrays import perturbation  # noqa: PLC0415
    from robust_digits.attack.suite import Suite  # noqa: PLC0415
    from robust_digits.learn import models  # noqa: PLC0415

    runtime.start(seed=params.seed, threads=params.threads)
    few, crafted = images.load(test)[:samples], images.load(transfer)[:samples]
    suite = Suite(models.load(model, few), eps=params.evaluate.eps, seed=params.seed)
    settings = Attacks.everything(samples=samples).chosen() | params.evaluate.attacks.chosen()
    print(f"{model.stem} on the first {len(few)} test images, eps {params.evaluate.eps:g}\n{_HEADER}")
    rows: list[dict[str, Cell]] = []
    for name in ATTACKS:
        start = time.perf_counter()
        found = suite.perturb(name, settings[name], few, np.asarray(crafted.images)).images
        seconds = (time.perf_counter() - start) / len(few)
        fooled = suite.model.predict(found).argmax(axis=1) != few.labels
        l2, linf = (perturbation.sizes(found - few.images, norm=norm) for norm in (2, "inf"))
        within = fooled & (linf <= params.evaluate.eps + perturbation.TOLERANCE)
        won = fooled & (linf > 0)  # what was wrong before needed no perturbation
        sizes = [round(float(np.median(size[won])), 2) if won.any() else "" for size in (l2, linf)]
        shares = [round(1 - float(each.mean()), 4) for each in (within, fooled)]
        told = [model.stem, name, params.evaluate.eps, len(few), *shares, *sizes, round(seconds, 3)]
        rows.append(dict(zip(COLUMNS, [f"{model.stem}, {label(name)}", *told], strict=True)))
        print(_line(rows[-1]), flush=True)
    return rows


def recorded(path: Path) -> list[dict[str, Cell]]:
    """Return the lines that a file of surveys holds, none where there is none.

    Raises
    ------
    InputError
        If it is a table of something else, which would be lost.
    """
    rows: list[dict[str, Cell]] = [{**row} for row in tables.read(path)] if path.exists() else []
    if any(tuple(row) != COLUMNS for row in rows):
        raise InputError(f"--record: {path} is no survey: expected the columns {', '.join(COLUMNS)}")
    return rows


def record(path: Path, rows: list[dict[str, Cell]], *, earlier: list[dict[str, Cell]]) -> None:
    """Put the lines of a model in the place of its earlier ones in a file, and draw all lines beside it."""
    from robust_digits.draw.survey import surveyed  # noqa: PLC0415 (after all is done)

    others = [row for row in earlier if row["model"] != rows[0]["model"]]
    tables.write(path, [*others, *rows], columns=COLUMNS)
    surveyed(path.with_suffix(".png"), tables.read(path))


def _line(row: dict[str, Cell]) -> str:
    sizes = ["-" if row[norm] == "" else f"{row[norm]:.2f}" for norm in ("l2", "linf")]
    shares = f"{row['within']:>17.1%} {row['at_all']:>13.1%}"
    return f"{row['attack']:<20} {shares} {sizes[0]:>10} {sizes[1]:>6} {row['seconds']:>8.3f}"


@guarded
def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m robust_digits.study.survey", description=__doc__)
    parser.add_argument("model", type=Path, help="models/<model>.keras")
    parser.add_argument("test", type=Path, help="the test images, data/normalized/test")
    parser.add_argument("transfer", type=Path, help="their FGM images against the baseline, data/adversarial/test/fgm")
    parser.add_argument("--samples", type=int, default=10, help="how many of the first test images (default 10)")
    parser.add_argument("--record", type=Path, help="CSV file to keep the lines in, drawn as a PNG beside it")
    given = parser.parse_args()
    if given.samples < 1:
        parser.error(f"--samples: expected one at least, got {given.samples}")
    earlier = recorded(given.record) if given.record else []
    rows = survey(load(Params), given.model, given.test, given.transfer, samples=given.samples)
    if given.record:
        record(given.record, rows, earlier=earlier)


if __name__ == "__main__":
    main()
