"""Draw what this branch did to robustness: one HTML file with all plots and pictures that needs no network.

The plots of the base and of this branch lie over each other, the pictures side by side.
"""

import argparse
import html
import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import vl_convert

from robust_digits import files, markup
from robust_digits.command import guarded
from robust_digits.draw import digits
from robust_digits.errors import InputError
from robust_digits.history.results import Results, view_of
from robust_digits.history.revisions import repository
from robust_digits.judge.views import WORST_CASE
from robust_digits.report import headline, overview, sections, trend
from robust_digits.report.comparison import Change, Comparison
from robust_digits.report.drawings import Drawing, drawings
from robust_digits.report.overview import Table
from robust_digits.report.report import REJUDGE, compare

_TEMPLATE = Path(__file__).with_name("page.html")
_PICTURES = "plots/pictures/"
_PLOTTED = ("confusions", "learning", "security")  # pictures of what the page draws itself
_PAST = 100  # commits before this branch: more would be neither quick to read nor legible


def page(comparison: Comparison, *, base: str) -> str:
    """Return the page; `base` is what the user compared with, such as main."""
    plots = drawings(comparison.base, comparison.here)
    body = [
        _top(comparison, plots, base=base),
        _numbers(comparison),
        _flipped(comparison),
        _past(comparison, base=base),
    ]
    body += [_plots(plots), _pictures(comparison)]
    return markup.page(
        _TEMPLATE,
        title=html.escape(headline.headline(comparison).text.replace("`", "")),
        body="\n".join(body),
        library=vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("</script", "<\\/script"),
        specs=json.dumps([drawing.spec for drawing in plots]).replace("<", "\\u003c"),
    )


def _top(comparison: Comparison, plots: Sequence[Drawing], *, base: str) -> str:
    said = headline.headline(comparison)
    state = {headline.GREEN: "pass", headline.RED: "fail", headline.WHITE: "open"}[said.mark]
    parts = dict.fromkeys(["Figures", *(drawing.part for drawing in plots), "Pictures"])
    notes = "".join(f'<p class="note">{markup.inline(line)}</p>' for line in sections.warnings(comparison))
    lines = (said.text, sections.where(comparison, base=base), sections.moved(comparison))
    title, where, moved = map(markup.inline, lines)
    top = f'<h1>{title}</h1><p class="quiet">{where}</p><p>{moved}</p>{markup.links(parts)}'
    return f'<header class="{state}">{top}</header>{notes}'


def _numbers(comparison: Comparison) -> str:
    green, red = overview.checks(comparison.checks)
    count, rest, ran = overview.stages(comparison.stages)
    same, others = overview.unchanged(comparison.figures), overview.others(comparison.figures)
    return "".join(
        [
            markup.heading("Figures"),
            _table(overview.figures(overview.first(comparison.figures))),
            f"<p>{markup.inline(sections.told(comparison))}</p>",
            markup.folded(f"{overview.counted(len(others), 'other figure')} changed", _table(overview.figures(others))),
            markup.folded(f"{overview.counted(len(same.rows), 'figure')} unchanged", _table(same)),
            _table(overview.models(comparison)),
            f"<p>{green}</p>{_table(red)}",
            markup.folded(count, _table(ran) + f"<p>{markup.inline(rest)}</p>"),
        ]
    )


def _flipped(comparison: Comparison) -> str:
    """Show which test images broke and which were mended: their numbers, and a few as the models saw them."""
    numbers = _table(overview.flipped(comparison.figures))
    shown = "".join(_album(comparison, change) for change in comparison.figures if view_of(change.name) == WORST_CASE)
    return shown + markup.folded("Which test images broke, and which were mended", numbers)


def _album(comparison: Comparison, change: Change) -> str:
    """Draw a few images that a model lost or won in the worst case, out of the evidence of the side that errs."""
    if change.difference is None:
        return ""
    model = change.name.partition(".")[0]
    sides = (
        ("broke", change.difference.broke, comparison.here, "here"),
        ("mended", change.difference.mended, comparison.base, "at the base"),
    )
    return "".join(
        _fallen(side, model, rows, title=f"{model}: {len(rows)} {what}, {where}")
        for what, rows, side, where in sides
        if rows
    )


def _fallen(side: Results, model: str, rows: Sequence[int], *, title: str) -> str:
    """Draw what a model was wrong about, or say why that cannot be seen."""
    with TemporaryDirectory() as folder:
        picture = Path(folder, "fallen.png")
        try:
            digits.fallen(picture, side.evidence(model, repository().root), rows)
        except InputError as error:  # the cache may be elsewhere; the verdict is in git
            return f'<p class="quiet">{html.escape(f"{title}: no pictures: {error}")}</p>'
        return markup.picture(
            f"{title}: number and label; as attacked; what for, by which attack", picture.read_bytes()
        )


def _past(comparison: Comparison, *, base: str) -> str:
    """Show what became of the figures that must hold up to the base, or say why that cannot be told."""
    with TemporaryDirectory() as folder:
        picture = Path(folder, "trend.png")
        try:
            trend.read(comparison.base.revision.commit, limit=_PAST).draw(picture)
            shown = markup.picture(f"up to where this branch left {base}", picture.read_bytes())
        except InputError as error:  # an old commit is no reason to have no page
            shown = f"<p>{html.escape(str(error))}</p>"
    return markup.folded("Every figure that must hold, commit by commit", shown)


def _plots(plots: Sequence[Drawing]) -> str:
    """Show the plots part by part, those that are as at the base folded below."""
    found = []
    for part, group in groupby(enumerate(plots), key=lambda each: each[1].part):
        both = list(group)
        moved, same = ([each for each in both if each[1].moved is wanted] for wanted in (True, False))
        found.append(markup.heading(part) + _rows(moved))
        found.append(markup.folded(f"{overview.counted(len(same), 'plot')} as at the base", _rows(same)))
    return "".join(found)


def _rows(plots: Sequence[tuple[int, Drawing]]) -> str:
    rows = (list(row) for _, row in groupby(plots, key=lambda each: each[1].row))
    return "".join(f'<div class="grid">{"".join(map(_plot, row))}</div>' for row in rows)


def _plot(numbered: tuple[int, Drawing]) -> str:
    number, drawing = numbered
    caption = f"<figcaption>{html.escape(drawing.title)}</figcaption>"
    return f'<figure>{caption}<div class="drawing" id="drawing-{number}"></div></figure>'


def _pictures(comparison: Comparison) -> str:
    """Show each picture that no plot shows too, and beside it that of the base where it is another."""
    base, here = comparison.base.revision.files, comparison.here.revision.files
    found = {path for path in (*base, *here) if path.startswith(_PICTURES) and path.endswith(".png")}
    names = sorted(found - {f"{_PICTURES}{name}.png" for name in _PLOTTED})
    figures = []
    for path in names:
        both = (
            [("here", here.get(path))]
            if here.get(path) == base.get(path)
            else [
                ("base", base.get(path)),
                ("here", here.get(path)),
            ]
        )
        images = "".join(_picture(path, at, content) for at, content in both if content)
        figures.append(f'<div class="pair">{images}</div>')
    return markup.heading("Pictures") + "".join(figures) if figures else ""


def _picture(path: str, at: str, content: bytes) -> str:
    name = path.removeprefix(_PICTURES).removesuffix(".png").replace("_", " ")
    return markup.picture(f"{name}, {at}", content)


def _table(table: Table) -> str:
    return markup.table(table.header, table.rows)


@guarded
def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="python -m robust_digits.report.page", description=__doc__)
    parser.add_argument("output", type=Path, metavar="FILE", help="the HTML file to write")
    parser.add_argument("--base", default="main", help="the branch that this one is to be merged into (default: main)")
    parser.add_argument("--here", metavar="REVISION", help="what to show (default: the working tree; HEAD if bare)")
    parser.add_argument("--rejudge", action="store_true", help=REJUDGE)
    arguments = parser.parse_args()
    found = compare(arguments.base, arguments.here, rejudge=arguments.rejudge)
    files.write(arguments.output, page(found, base=arguments.base))
    print(f"-> {arguments.output}")


if __name__ == "__main__":
    main()
