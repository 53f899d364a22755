"""The tables of a comparison: the same cells, in Markdown, for the report and for the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from robust_digits import markup
from robust_digits.document import markdown
from robust_digits.history.protocol import Rerun
from robust_digits.history.results import Share, view_of
from robust_digits.judge.checks import Check
from robust_digits.judge.views import CERTIFIED, CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, WORST_CASE, label
from robust_digits.markup import code
from robust_digits.report.comparison import ACCEPTED, BROKEN, SAME, Change, Comparison, Verdict
from robust_digits.report.headline import percent, shown

_VIEWS = tuple(f"accuracy.{view}" for view in (CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, WORST_CASE))
_STORY = (*_VIEWS, f"{CERTIFIED}.accuracy")
_LISTED = 20  # images that broke, or were mended
_SHOWN = 4  # of what a stage read otherwise


@dataclass(frozen=True)
class Table:
    """A header and rows of as many cells, each a line of Markdown."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        """Return the table as Markdown; nothing if it has no rows."""
        return markdown.table(self.header, self.rows) if self.rows else ""


def first(changes: Sequence[Change]) -> list[Change]:
    """Return what a reviewer must see: what changed of the figures that must hold, and whatever is broken."""
    return [each for each in changes if each.status != SAME and _matters(each)]


def others(changes: Sequence[Change]) -> list[Change]:
    """Return the other figures that changed."""
    return [each for each in changes if each.status != SAME and not _matters(each)]


def _matters(change: Change) -> bool:
    return change.held or change.status in BROKEN


def figures(changes: Sequence[Change]) -> Table:
    """Return figures, base and here, a row each; beside the change, how far two seeds are apart where that is known."""
    seeds = any(each.luck is not None for each in changes)
    rows = (
        (
            code(each.name),
            percent(each.base),
            percent(each.here),
            _moved(each),
            *([_luck(each)] if seeds else []),
            _images(each),
            _must(each),
            _status(each) + (", within what another seed does" if each.lucky else ""),
        )
        for each in changes
    )
    header = (
        "figure",
        "base",
        "here",
        "change",
        *(["between seeds"] if seeds else []),
        "images",
        "must hold",
        "status",
    )
    return Table(header, tuple(rows))


def flipped(changes: Sequence[Change]) -> Table:
    """Return which test images broke and which were mended, for the figures that must hold."""
    rows = (
        (code(each.name), _numbers(each.difference.broke), _numbers(each.difference.mended))
        for each in changes
        if each.difference and (each.difference.broke or each.difference.mended) and each.held
    )
    return Table(("figure", "broke", "mended"), tuple(rows))


def unchanged(changes: Sequence[Change]) -> Table:
    """Return the figures that are those of the base."""
    same = (each for each in changes if each.status == SAME)
    return Table(
        ("figure", "here", "must hold"),
        tuple((code(each.name), percent(each.here), _must(each)) for each in same),
    )


def models(comparison: Comparison) -> Table:
    """Return the story's table: each model clean, under FGM by transfer and white-box, in the worst case, by proof."""
    base, here = comparison.base.figures, comparison.here.figures
    figures = [figure for figure in _STORY if any(name.endswith(f".{figure}") for name in here)]
    rows = []
    for model in comparison.here.models:
        cells = []
        for name in (f"{model}.{figure}" for figure in figures):
            was, now = (found[name].value if name in found else None for found in (base, here))
            cells.append(percent(now) + (f" (was {percent(was)})" if was is not None and was != now else ""))
        rows.append((markup.value(model), *cells))
    return Table(("model", *(_heading(figure, here) for figure in figures)), tuple(rows))


def _heading(figure: str, found: Mapping[str, Share]) -> str:
    """Return the label of a view with the eps that it was measured at, where the models have one and the same."""
    sizes = {share.eps for name, share in found.items() if name.endswith(f".{figure}")}
    return markup.value(label(view_of(figure), sizes.pop() if len(sizes) == 1 else None))


def checks(verdicts: Sequence[Verdict]) -> tuple[str, Table]:
    """Return a sentence that counts the green checks, and those that are red, gone or accepted."""
    wrong = (each for each in verdicts if each.status in (*BROKEN, ACCEPTED))
    present = [each.here for each in verdicts if each.here is not None]
    rows = ((code(each.name), _measured(each.base), _measured(each.here), _says(each), _status(each)) for each in wrong)
    said = f"{sum(check.passed for check in present)} of {len(present)} checks of the evaluation are green."
    return said, Table(("check", "base", "here", "what it measures", "status"), tuple(rows))


def stages(reruns: Sequence[Rerun]) -> tuple[str, str, Table]:
    """Return how many stages ran again, which did not, and for those that did, what they read otherwise."""
    ran = [stage for stage in reruns if stage.because]
    rest = ", ".join(code(stage.name) for stage in reruns if not stage.because)
    rows = ((code(stage.name), _because(stage), "the same" if stage.same_results else "changed") for stage in ran)
    return (
        f"{len(ran)} of {len(reruns)} stages ran again",
        f"From the cache, as at the base: {rest}." if rest else "",
        Table(("ran again", "because of", "results"), tuple(rows)),
    )


def changes(values: Mapping[str, tuple[Any, Any]]) -> Table:
    """Return what differs: name, value at the base, value here."""
    rows = ((code(name), shown(base), shown(here)) for name, (base, here) in values.items())
    return Table(("", "base", "here"), tuple(rows))


def counted(count: int, what: str) -> str:
    """Return how many there are of something, in words: 1 figure, 2 figures."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def _moved(change: Change) -> str:
    return "" if change.base is None or change.here is None else f"{100 * (change.here - change.base):+.1f}"


def _luck(change: Change) -> str:
    return "" if change.luck is None else f"{100 * change.luck:.1f}"


def _images(change: Change) -> str:
    """Say how many test images changed sides; nothing where the two cannot be compared image by image."""
    found = change.difference
    if found is None or found.broke is None or found.mended is None:
        return ""
    return f"{len(found.broke)} broke, {len(found.mended)} mended"


def _numbers(rows: tuple[int, ...] | None) -> str:
    few = (rows or ())[:_LISTED]
    more = f" and {len(rows or ()) - len(few)} more" if len(few) < len(rows or ()) else ""
    return ", ".join(map(str, few)) + more or "none"


def _must(change: Change) -> str:
    limit = change.limit
    drop = [] if limit.drop is None else [f"drop ≤ {100 * limit.drop:g}"]
    floor = [] if limit.floor is None else [f"≥ {100 * limit.floor:g}%"]
    return ", ".join(drop + floor)


def _status(item: Change | Verdict) -> str:
    if item.status == ACCEPTED:
        return f"accepted: {markup.words(' '.join(item.reason.split()))}"
    return f"**{item.status}**" if item.status in BROKEN else item.status


def _measured(check: Check | None) -> str:
    if check is None:
        return "-"
    return f"{'not run' if check.measured is None else f'{check.measured:.4g}'} (at most {check.bound:.4g})"


def _says(verdict: Verdict) -> str:
    check = verdict.here or verdict.base
    return markup.words(check.says) if check else ""


def _because(stage: Rerun) -> str:
    named = [code(name) if "." in name or "/" in name else markup.value(name) for name in stage.because]
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return ", ".join(named[:_SHOWN]) + more
