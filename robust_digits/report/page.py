"""Draw what this branch did to robustness: one HTML file with all plots and pictures that needs no network.

The plots of the base and of this branch lie over each other, the pictures side by side.
"""

import argparse
import base64
import html
import json
import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from string import Template

import vl_convert

from robust_digits import files
from robust_digits.command import guarded
from robust_digits.report import headline, overview, sections
from robust_digits.report.comparison import Comparison
from robust_digits.report.drawings import Drawing, drawings
from robust_digits.report.overview import Table
from robust_digits.report.report import compare

_TEMPLATE = Path(__file__).with_name("page.html")
_PICTURES = "plots/pictures/"


def page(comparison: Comparison, *, base: str) -> str:
    """Return the page; `base` is what the user compared with, such as main."""
    plots = drawings(comparison.base, comparison.here)
    body = [_top(comparison, plots, base=base), _numbers(comparison), _plots(plots), _pictures(comparison)]
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=html.escape(headline.headline(comparison).replace("`", "")),
        body="\n".join(body),
        library=vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("</script", "<\\/script"),
        specs=json.dumps([drawing.spec for drawing in plots]).replace("<", "\\u003c"),
    )


def _top(comparison: Comparison, plots: Sequence[Drawing], *, base: str) -> str:
    state = ("pass", "fail")[headline.exit_code(comparison)]
    parts = dict.fromkeys(["Figures", *(drawing.part for drawing in plots), "Pictures"])
    links = "".join(f'<a href="#{_anchor(part)}">{html.escape(part)}</a>' for part in parts)
    notes = "".join(f'<p class="note">{_inline(line)}</p>' for line in sections.warnings(comparison))
    return (
        f'<header class="{state}"><h1>{_inline(headline.headline(comparison))}</h1>'
        f'<p class="quiet">{_inline(sections.where(comparison, base=base))}</p><nav>{links}</nav></header>{notes}'
    )


def _numbers(comparison: Comparison) -> str:
    green, red = overview.checks(comparison.checks)
    count, rest, ran = overview.stages(comparison.stages)
    same = overview.unchanged(comparison.figures)
    return "".join(
        [
            _heading("Figures"),
            _table(overview.figures(comparison.figures)),
            f"<p>{_inline(sections.told(comparison))}</p>",
            _folded("Which test images broke, and which were mended", _table(overview.flipped(comparison.figures))),
            _folded(f"{overview.counted(len(same.rows), 'figure')} unchanged", _table(same)),
            _table(overview.models(comparison)),
            f"<p>{green}</p>{_table(red)}",
            _folded(
                f"{overview.counted(len(comparison.params), 'parameter')} changed",
                _table(overview.changes(comparison.params)),
            ),
            _folded(count, _table(ran) + f"<p>{_inline(rest)}</p>"),
        ]
    )


def _plots(plots: Sequence[Drawing]) -> str:
    found = []
    for part, group in groupby(enumerate(plots), key=lambda each: each[1].part):
        rows = (list(row) for _, row in groupby(group, key=lambda each: each[1].row))
        found.append(_heading(part) + "".join(f'<div class="grid">{"".join(map(_plot, row))}</div>' for row in rows))
    return "".join(found)


def _plot(numbered: tuple[int, Drawing]) -> str:
    number, drawing = numbered
    caption = f"<figcaption>{html.escape(drawing.title)}</figcaption>"
    return f'<figure>{caption}<div class="drawing" id="drawing-{number}"></div></figure>'


def _pictures(comparison: Comparison) -> str:
    """Show each picture here, and beside it that of the base where it is another."""
    base, here = comparison.base.revision.files, comparison.here.revision.files
    names = sorted({path for path in (*base, *here) if path.startswith(_PICTURES) and path.endswith(".png")})
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
    return _heading("Pictures") + "".join(figures) if figures else ""


def _picture(path: str, at: str, content: bytes) -> str:
    name = html.escape(f"{path.removeprefix(_PICTURES).removesuffix('.png').replace('_', ' ')}, {at}")
    source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return f'<figure><figcaption>{name}</figcaption><img alt="{name}" src="{source}"></figure>'


def _heading(title: str) -> str:
    return f'<h2 id="{_anchor(title)}">{html.escape(title)}</h2>'


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{html.escape(title)}</summary>{body}</details>" if body else ""


def _table(table: Table) -> str:
    if not table.rows:
        return ""
    header = "".join(f"<th>{_inline(cell)}</th>" for cell in table.header)
    rows = "".join(f"<tr>{_cells(table.header, row)}</tr>" for row in table.rows)
    return f'<div class="scroll"><table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cells(header: Sequence[str], row: Sequence[str]) -> str:
    """Return the cells of a row, each with its column's name, which a phone shows beside it."""
    named = zip(header, row, strict=True)
    return "".join(f'<td data-label="{html.escape(name)}">{_inline(cell)}</td>' for name, cell in named)


def _inline(text: str) -> str:
    """Return a line of this project's Markdown as HTML: code and bold, nothing else."""
    code = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", code)


@guarded
def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="python -m robust_digits.report.page", description=__doc__)
    parser.add_argument("output", type=Path, metavar="FILE", help="the HTML file to write")
    parser.add_argument("--base", default="main", help="the branch that this one is to be merged into (default: main)")
    parser.add_argument("--here", metavar="REVISION", help="what to show (default: the working tree; HEAD if bare)")
    arguments = parser.parse_args()
    files.write(arguments.output, page(compare(arguments.base, arguments.here), base=arguments.base))
    print(f"-> {arguments.output}")


if __name__ == "__main__":
    main()
