"""Results as Markdown, for README.md: every table between a pair of marks is written from committed metrics.

A mark names the folder of the metrics: `<!-- results: metrics -->` ... `<!-- end -->`.
"""

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robust_digits.command import guarded
from robust_digits.errors import InputError
from robust_digits.files import replacing
from robust_digits.judge import scoring

ORDER = ("baseline", "robust", "hardened")  # the story's order
_COLUMNS = {
    "clean": "clean",
    "fgm_transfer": "FGM, transfer",
    "fgm_white_box": "FGM, white-box",
    "worst_case": "worst case",
}
_BLOCK = re.compile(r"(<!-- results: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def read(folder: Path) -> dict[str, Any]:
    """Return the metrics of each model in a folder of `<model>.json` files, in the story's order.

    Raises
    ------
    InputError
        If the folder holds the metrics of no model.
    """
    found = {model: folder / f"{model}.json" for model in ORDER}
    metrics = {model: json.loads(path.read_bytes()) for model, path in found.items() if path.is_file()}
    if not metrics:
        raise InputError(f"{folder}: expected {', '.join(path.name for path in found.values())}, got none of them")
    return metrics


def table(metrics: Mapping[str, Any]) -> str:
    """Return a table, one line a model: accuracy in percent and its 95% interval."""
    names = [*_COLUMNS.values(), "certified"]
    lines = ["| model | " + " | ".join(names) + " |", "| --- |" + " --- |" * len(names)]
    for model, scores in metrics.items():
        cells = [_cell(scores["accuracy"][key], scores["images"]) for key in _COLUMNS]
        proven = scores["certified"]["accuracy"]
        cells.append("unknown" if proven is None else _cell(proven, scores["images"]))
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(accuracy: float, images: int) -> str:
    low, high = scoring.interval(round(accuracy * images), images)
    return f"{100 * accuracy:.1f}% ({100 * low:.1f} to {100 * high:.1f})"


def fill(page: str, root: Path) -> str:
    """Return the page with every marked table written anew from the metrics under `root`."""
    return _BLOCK.sub(lambda block: block[1] + table(read(root / block[2])) + block[3], page)


@guarded
def main() -> None:
    """Fill the pages named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m robust_digits.record.pages", description=__doc__)
    parser.add_argument("pages", type=Path, nargs="+", help="Markdown files with marked tables")
    for path in parser.parse_args().pages:
        filled = fill(path.read_text(encoding="utf-8"), Path())
        with replacing(path) as temporary:
            temporary.write_text(filled, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
