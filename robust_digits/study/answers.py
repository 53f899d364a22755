"""Look at what a model answers: forty test digits above their probabilities, and its losses on every part of the data.

The CSV file has a line for each part, training, validation and test: how many images, which share is right, and the
means of the two losses.
"""

import argparse
from pathlib import Path

from robust_digits import tables
from robust_digits.command import guarded
from robust_digits.data import images
from robust_digits.params import Section, Seed, Threads, load
from robust_digits.study import measures

COLUMNS = ("value", "images", "accuracy", "cross_entropy", "squared_error")
SHOWN = 40
_PARTS = ("train", "validation", "test")


class Params(Section):
    """What this command reads from params.yaml."""

    seed: Seed
    threads: Threads


def answers(params: Params, model: Path, normalized: Path, table: Path) -> None:
    """Write the losses of a model on every part of the data, and draw its answers on the first test images."""
    from scipy.special import softmax  # noqa: PLC0415

    from robust_digits import runtime  # noqa: PLC0415 (after the parameters are checked)
    from robust_digits.draw import galleries  # noqa: PLC0415
    from robust_digits.learn import models  # noqa: PLC0415

    parts = {name: images.load(normalized / name) for name in _PARTS}
    runtime.start(seed=params.seed, threads=params.threads)
    loaded = models.load(model, parts["test"])
    rows = [_row(name, measures.measure(loaded, part), len(part)) for name, part in parts.items()]
    tables.write(table, rows, columns=COLUMNS)
    few = parts["test"][:SHOWN]
    probabilities = softmax(measures.logits(loaded, few), axis=1)
    galleries.answers(table.with_suffix(".png"), few, probabilities, model=model.stem)


def _row(name: str, measured: measures.Measured, count: int) -> dict[str, tables.Cell]:
    """Return the line of a part of the data, and print it."""
    print(
        f"{name}: {measured.accuracy:.2%} of {count} images right, "
        f"cross-entropy {measured.cross_entropy:.4f}, squared error {measured.squared_error:.4f}"
    )
    told = (name, count, measured.accuracy, measured.cross_entropy, measured.squared_error)
    return dict(zip(COLUMNS, told, strict=True))


@guarded
def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m robust_digits.study.answers", description=__doc__)
    parser.add_argument("model", type=Path, help="models/<model>.keras")
    parser.add_argument("normalized", type=Path, help="the folder with the parts of the data, data/normalized")
    parser.add_argument("table", type=Path, help="CSV file to write; the picture goes beside it, as PNG")
    given = parser.parse_args()
    answers(load(Params), given.model, given.normalized, given.table)
    print(f"{given.model.stem} -> {given.table}, {given.table.with_suffix('.png')}")


if __name__ == "__main__":
    main()
