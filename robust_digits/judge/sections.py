"""What a pull request did, as Markdown: the verdict first, then what a reviewer asks next."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from robust_digits.judge import diagram
from robust_digits.judge.comparison import ACCEPTED, BROKEN, SAME, Change, Comparison, Rerun, Verdict
from robust_digits.judge.headline import MARKS, exit_code, headline, percent
from robust_digits.judge.sanity import Check

_VIEWS = {
    "accuracy.clean": "clean",
    "accuracy.fgm_transfer": "FGM, old set",
    "accuracy.fgm_fresh": "FGM, attacked afresh",
    "accuracy.worst_case": "worst case",
    "certified.accuracy": "certified",
}
_SHOWN = 4  # of what a stage read otherwise
_LIBRARIES = ("tensorflow", "keras", "numpy", "adversarial-robustness-toolbox", "dvc")


def report(comparison: Comparison, *, base: str) -> str:
    """Return the whole report; `base` is what the user compared with, such as main."""
    now, was = comparison.here.revision.label, comparison.base.revision.commit[:12]
    parts = [
        f"## {MARKS[exit_code(comparison)]} {headline(comparison)}",
        f"Commit {now} against {was}, where it left `{base}`.",
        _warnings(comparison),
        _figures(comparison.figures),
        _models(comparison),
        _titled("Accuracy over eps", diagram.security(comparison.base, comparison.here)),
        _checks(comparison.checks),
        _titled("Parameters that changed", _changes(comparison.params)),
        _stages(comparison.stages),
        _versions(comparison),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def failure(reason: str) -> str:
    """Return the report when there is nothing to compare."""
    return f"## {MARKS[2]} Could not compare\n\n{reason}\n"


def _warnings(comparison: Comparison) -> str:
    """Say what a reader must know before believing a number."""
    said = []
    if comparison.yardstick:
        names = ", ".join(f"`{name}`{_values(comparison.params.get(name))}" for name in comparison.yardstick)
        said.append(f"**Measured otherwise than at the base:** {names}. What depends on these cannot be compared.")
    if comparison.gate:
        names = ", ".join(f"`{name}`{_values(values)}" for name, values in comparison.gate.items())
        said.append(f"**gate.yaml was changed:** {names}.")
    if comparison.idle:
        names = ", ".join(f"`{name}`" for name in comparison.idle)
        said.append(f"**gate.yaml accepts what is not wrong:** {names}. Take it out.")
    return "\n>\n".join(f"> {line}" for line in ("[!WARNING]", *said)).replace("\n>\n", "\n", 1) if said else ""


def _figures(figures: Sequence[Change]) -> str:
    """Return the figures that changed or must hold, the worst first; the others folded away."""
    shown = [change for change in figures if change.status != SAME]
    same = [change for change in figures if change.status == SAME]
    table = _table(("figure", "base", "here", "change", "must hold", "status"), map(_row, shown)) if shown else ""
    return f"{table}\n{_folded(f'{len(same)} unchanged', _table(('figure', 'here', 'must hold'), map(_brief, same)))}"


def _row(change: Change) -> tuple[str, ...]:
    moved = "" if change.base is None or change.here is None else f"{100 * (change.here - change.base):+.1f}"
    return (f"`{change.name}`", percent(change.base), percent(change.here), moved, _must(change), _status(change))


def _brief(change: Change) -> tuple[str, ...]:
    return (f"`{change.name}`", percent(change.here), _must(change))


def _must(change: Change) -> str:
    limit = change.limit
    drop = [] if limit.drop is None else [f"drop ≤ {100 * limit.drop:g}"]
    floor = [] if limit.floor is None else [f"≥ {100 * limit.floor:g}%"]
    return ", ".join(drop + floor)


def _status(item: Change | Verdict) -> str:
    if item.status == ACCEPTED:
        return f"accepted: {item.reason}"
    return f"**{item.status}**" if item.status in BROKEN else item.status


def _models(comparison: Comparison) -> str:
    """Return the story's table: each model clean, on the old set, attacked afresh, in the worst case."""
    base, here = comparison.base.figures, comparison.here.figures
    views = [view for view in _VIEWS if any(name.endswith(f".{view}") for name in here)]
    rows = []
    for model in comparison.here.models:
        cells = []
        for name in (f"{model}.{view}" for view in views):
            was, now = (figures[name].value if name in figures else None for figures in (base, here))
            cells.append(percent(now) + (f" (was {percent(was)})" if was is not None and was != now else ""))
        rows.append((model, *cells))
    return _table(("model", *(_VIEWS[view] for view in views)), rows)


def _checks(checks: Sequence[Verdict]) -> str:
    """Count the checks of the evaluation, and list those that failed, are gone or are accepted."""
    wrong = [verdict for verdict in checks if verdict.status in (*BROKEN, ACCEPTED)]
    present = [verdict for verdict in checks if verdict.here is not None]
    green = sum(verdict.here is not None and verdict.here.passed for verdict in checks)
    rows = [
        (f"`{each.name}`", _measured(each.base), _measured(each.here), _says(each), _status(each)) for each in wrong
    ]
    table = _table(("check", "base", "here", "what it measures", "status"), rows) if rows else ""
    return f"{green} of {len(present)} checks of the evaluation are green.\n\n{table}"


def _measured(check: Check | None) -> str:
    if check is None:
        return "–"
    return f"{'not run' if check.measured is None else f'{check.measured:.4g}'} (at most {check.bound:.4g})"


def _says(verdict: Verdict) -> str:
    check = verdict.here or verdict.base
    return check.says if check else ""


def _stages(stages: Sequence[Rerun]) -> str:
    """Say which stages read something else than at the base, and what; all others are as they were."""
    ran = [stage for stage in stages if stage.because]
    rows = [(f"`{stage.name}`", _because(stage), "the same" if stage.same_results else "changed") for stage in ran]
    rest = ", ".join(f"`{stage.name}`" for stage in stages if not stage.because)
    said = f"From the cache, as at the base: {rest}." if rest else ""
    table = _table(("ran again", "because of", "results"), rows) if rows else ""
    return _folded(f"{len(ran)} of {len(stages)} stages ran again", f"{table}\n{said}")


def _because(stage: Rerun) -> str:
    named = [f"`{name}`" if "." in name or "/" in name else name for name in stage.because]
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return ", ".join(named[:_SHOWN]) + more


def _versions(comparison: Comparison) -> str:
    locked = comparison.here.packages
    used = ", ".join(f"{name} {locked[name]}" for name in _LIBRARIES if name in locked)
    commits = f"base {comparison.base.revision.commit}, here {comparison.here.revision.commit}"
    return _folded("Versions and commits", f"{commits}\n\n{used}\n\n{_changes(comparison.packages)}")


def _changes(values: Mapping[str, tuple[Any, Any]]) -> str:
    rows = [(f"`{name}`", _shown(base), _shown(here)) for name, (base, here) in values.items()]
    return _table(("", "base", "here"), rows) if rows else ""


def _values(pair: tuple[Any, Any] | None) -> str:
    return f" {_shown(pair[0])} → {_shown(pair[1])}" if pair else ""


def _shown(value: object) -> str:
    return "–" if value is None else str(value)


def _titled(title: str, body: str) -> str:
    return f"### {title}\n\n{body}" if body else ""


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body.strip()}\n\n</details>\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines) + "\n"
