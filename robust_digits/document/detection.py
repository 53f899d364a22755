"""What `make detect` found, as a table for a document: one line a model and detector."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robust_digits.detect import figures
from robust_digits.detect.scores import EVASION
from robust_digits.document import markdown
from robust_digits.errors import InputError
from robust_digits.judge.views import CLEAN, FGM_TRANSFER, WORST_CASE

_AT = figures.percent(0.05)  # the share of false alarms that the table is at
_HEADINGS = (
    "model",
    "detector",
    "flagged clean",
    "found of FGM transfer",
    "of the white-box attack it finds least of",
    "**of one that knows it**",
    "right in the worst case: the model alone",
    "handled, with the detector",
)

Figure = Mapping[str, Any]
Views = Mapping[str, Mapping[str, Figure]]


def table(folder: Path) -> str:
    """Return a table at 5% false alarms: shares in percent and their 95% intervals.

    Of the white-box attacks of the suite it is the one of which least is found.

    Raises
    ------
    InputError
        If the folder does not hold the figures of detectors.
    """
    path = folder / "details.json"
    try:
        lines = [_line(model, detector, views) for (model, detector), views in _read(path).items()]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `make detect` makes it") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: not the figures of detectors: {type(error).__name__}: {error}") from None
    return markdown.table(_HEADINGS, lines)


def _read(path: Path) -> dict[tuple[str, str], dict[str, dict[str, Figure]]]:
    """Return every figure by model and detector, view, and name."""
    found: dict[tuple[str, str], dict[str, dict[str, Figure]]] = {}
    for name, figure in json.loads(path.read_bytes()).items():
        model, detector, view, what = name.split(".")
        found.setdefault((model, detector), {}).setdefault(view, {})[what] = figure
    return found


def _line(model: str, detector: str, views: Views) -> list[str]:
    found = f"detected_{_AT}"
    white_box = [views[view][found] for view in figures.white_box(views)]
    known = [each for each in white_box if each["share"] is not None]
    cells = [
        views[CLEAN][f"false_alarms_{_AT}"],
        views[FGM_TRANSFER][found],
        min(known, key=lambda each: float(each["share"]), default=None),
        views[EVASION][found],
        views[WORST_CASE]["alone"],
        views[WORST_CASE][f"handled_{_AT}"],
    ]
    return [model, detector, *map(_cell, cells)]


def _cell(figure: Figure | None) -> str:
    if figure is None or figure["share"] is None:
        return "nothing to find"
    return markdown.share(figure["share"], figure["interval"])
