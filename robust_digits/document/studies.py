"""Every study of a folder, as a table for a document: what it asks, and how far it is recorded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robust_digits import tables
from robust_digits.document import markdown
from robust_digits.errors import InputError
from robust_digits.judge.views import WORST_CASE, label
from robust_digits.params import read

_HEADINGS = ("study", "asks", "of the model", "runs", "worst case over", "recorded")
_SUITE = "the suite of params.yaml"

Asked = Mapping[str, Any]


def table(folder: Path) -> str:
    """Return a table, one line a study, `<name>.yaml`, in the order of the names.

    Runs of a chain are those of all its steps, and what is recorded of it are the steps that have chosen.

    Raises
    ------
    InputError
        If a file is no study, or its base is not there.
    """
    return markdown.table(_HEADINGS, map(_line, sorted(folder.glob("*.yaml"))))


def _line(path: Path) -> list[str]:
    asked = read(path)
    try:
        base = read(path.parent / "bases" / f"{asked['base']}.yaml")
        steps = asked.get("steps", [])
        runs = [len(each["values"]) for each in steps or [asked]]
        attacks = _attacks({**base, **asked["params"]}) if _worst(asked["metrics"]) else ""
        name, title, model = path.stem, asked["title"], asked["model"]
    except FileNotFoundError as error:
        raise InputError(f"{path}: expected a base that is there: {error}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a study: {error!r}") from None
    told = f"{sum(runs)} in {len(steps)} steps" if steps else f"{sum(runs)}"
    recorded = _recorded(path.with_suffix(".csv"), whole=len(steps) or sum(runs))
    return [f"[{name}]({path.name})", title, model, told, attacks, recorded]


def _worst(metrics: list[str]) -> bool:
    return any(metric.rpartition(".")[2] == WORST_CASE for metric in metrics)


def _attacks(params: Asked) -> str:
    """Return the attacks that the worst case is over, with their steps."""
    attacks: Mapping[str, Asked] | None = params.get("evaluate.attacks")
    if attacks is None:
        return _SUITE
    told = {name: f", {settings['steps']} steps" if "steps" in settings else "" for name, settings in attacks.items()}
    return "; ".join(f"{label(name)}{steps}" for name, steps in told.items())


def _recorded(path: Path, *, whole: int) -> str:
    """Return how many of the whole a study's table has, and how many of these are of earlier code or parameters."""
    rows = [row for row in tables.read(path) if row.get("key", "a choice")] if path.exists() else []
    if not rows:
        return "not yet"
    stale = sum(bool(row.get("stale")) for row in rows)
    told = f"[{'all' if len(rows) == whole else f'{len(rows)} of {whole}'}]({path.name})"
    return f"{told}, {'all' if stale == len(rows) else stale} stale" if stale else told
