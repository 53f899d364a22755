"""Write the figures of every document anew from committed files, between marks that do not show.

`<!-- results: FOLDER -->` ... `<!-- end -->` holds a table of the metrics in a folder, one line a model;
`<!-- figure: FILE KEY -->` ... `<!-- end -->` a single figure (figures.py says how one is named), and
`<!-- checks: FILE -->` ... `<!-- end -->` how many of the checks in a file are green, and
`<!-- autoattack: FILE -->` ... `<!-- end -->` what benchmarks/autoattack.py measured, and `<!-- long_attack: FILE -->`
... `<!-- end -->` what benchmarks/long_attack.py did, and
`<!-- detection: FOLDER -->` ... `<!-- end -->` what `make detect` did, and `<!-- benchmarks: FILE -->` ...
`<!-- end -->` what `make bench` did, `<!-- bits: FILE -->` ... `<!-- end -->` what benchmarks/bits.py found, and
`<!-- scale: FOLDER -->` ... `<!-- end -->` what more images and machines would take, and `<!-- studies: FOLDER -->` ...
`<!-- end -->` which studies there are. Paths start at the document's folder.
"""

import argparse
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from robust_digits import files
from robust_digits.command import guarded
from robust_digits.document import autoattack, benchmarks, bits, detection, figures, markdown, scale, studies
from robust_digits.errors import InputError
from robust_digits.judge import checks
from robust_digits.judge.views import (
    AUTOATTACK,
    CERTIFIED,
    CLEAN,
    FGM_TRANSFER,
    FGM_WHITE_BOX,
    WORST_CASE,
    label,
)
from robust_digits.params import PARAMS_FILE
from robust_digits.params import read as read_params

_COLUMNS = {f"accuracy.{view}": view for view in (CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, AUTOATTACK, WORST_CASE)}
_COLUMNS |= {f"{CERTIFIED}.accuracy": CERTIFIED}
_CHOSEN = f"accuracy.{AUTOATTACK}"  # the one column that a suite may leave out
_TABLES: Mapping[str, Callable[[Path], str]] = {
    "autoattack": autoattack.table,
    "benchmarks": benchmarks.tables,
    "bits": bits.table,
    "detection": detection.table,
    "long_attack": autoattack.longer,
    "scale": scale.table,
    "studies": studies.table,
}
_KIND = "|".join(("results", "figure", "checks", *_TABLES))
_MARK = re.compile(rf"<!-- (?P<kind>{_KIND}): (?P<what>.+?) -->(?P<text>.*?)(?P<end><!-- end -->|\Z)", re.DOTALL)
_START = re.compile(rf"<!-- ({_KIND}):")

Metrics = Mapping[str, Mapping[str, Any]]


def documents(root: Path) -> list[Path]:
    """Return every document of the project that may hold marks."""
    return sorted([*root.glob("*.md"), *root.glob("docs/**/*.md")])


def fill(page: str, folder: Path, *, order: Sequence[str]) -> str:
    """Return a page that lies in `folder` with everything between marks written anew; `order` is that of the models.

    Raises
    ------
    InputError
        If a mark has no end, or what it names is not there.
    """

    def write(mark: re.Match[str]) -> str:
        opened = f"<!-- {mark['kind']}: {mark['what']} -->"
        if not mark["end"] or _START.search(mark["text"]):
            raise InputError(f"{opened} has no <!-- end -->")
        if mark["kind"] == "results":
            return f"{opened}\n{table(read(folder / mark['what'], order=order))}{mark['end']}"
        if mark["kind"] in _TABLES:
            return f"{opened}\n{_TABLES[mark['kind']](folder / mark['what'])}{mark['end']}"
        if mark["kind"] == "checks":
            return f"{opened}{_green(folder / mark['what'])}{mark['end']}"
        return f"{opened}{figures.text(mark['what'], folder)}{mark['end']}"

    return _MARK.sub(write, page)


def read(folder: Path, *, order: Sequence[str]) -> dict[str, Metrics]:
    """Return how each figure of each model in a folder of metrics was made, with its `share`; models in this order.

    Raises
    ------
    InputError
        If the folder holds the metrics of no model, or does not say how they were made.
    """
    found = {path.stem: path for path in folder.glob("details/*.json")}
    names = [name for name in order if name in found] + sorted(found.keys() - set(order))
    if not names:
        raise InputError(f"{folder}: expected the metrics of a model, <model>.json and details/<model>.json")
    return {name: _model(folder / f"{name}.json", found[name]) for name in names}


def table(models: Mapping[str, Metrics]) -> str:
    """Return a table, one line a model: accuracy in percent and its 95% interval; headings say at which eps."""
    first = next(iter(models.values()))
    columns = [figure for figure in _COLUMNS if all(figure in each for each in models.values())]
    names = [label(_COLUMNS[figure], first[figure]["eps"]) for figure in columns]
    lines = [[model, *(_cell(made[figure]) for figure in columns)] for model, made in models.items()]
    return markdown.table(["model", *names], lines)


def _green(path: Path) -> str:
    passed = [check.passed for table in checks.load(path).values() for check in table.values()]
    return f"{sum(passed)} of {len(passed)}"


def _model(metrics: Path, details: Path) -> Metrics:
    try:
        shares, made = json.loads(metrics.read_bytes()), json.loads(details.read_bytes())
        found = {
            f"{group}.{name}": {**made[f"{group}.{name}"], "share": share}
            for group, named in shares.items()
            for name, share in named.items()
        }
    except FileNotFoundError as error:
        raise InputError(f"{error.filename}: no such file") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{metrics}: not the metrics of a model and how they were made: {error}") from None
    missing = [figure for figure in _COLUMNS if figure not in found and figure != _CHOSEN]
    if missing:
        raise InputError(f"{metrics}: expected {', '.join(_COLUMNS)}; {', '.join(missing)} missing")
    return found


def _cell(figure: Mapping[str, Any]) -> str:
    if figure["share"] is None:
        return "unknown"
    return markdown.share(figure["share"], figure["interval"])


@guarded
def main() -> None:
    """Write the documents of the current folder, and say which of them were not what the files say."""
    parser = argparse.ArgumentParser(
        prog="python -m robust_digits.record.pages",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    order = read_params(Path(PARAMS_FILE)).get("models", [])
    for path in documents(Path()):
        page = path.read_text(encoding="utf-8")
        try:
            filled = fill(page, path.parent, order=order)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        if filled != page:
            files.write(path, filled)
            print(f"{path}: written anew")


if __name__ == "__main__":
    main()
