"""The pieces of HTML that the project's pages are made of, and their one style: all words escaped, nothing fetched.

And how words that somebody else chose, names, values and reasons, stand in a line of Markdown: they cannot end the line
or begin markup of their own, neither in a report nor, through `inline`, on a page.
"""

import base64
import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template

from robust_digits.errors import named

_PLAIN = re.compile(r"[\w .,'%+/={}\[\]-]*")  # a value of such characters is no markup
_LOOKALIKES = str.maketrans("<>*`", "\u2039\u203a\u2217'")
_CALLS = re.compile(r"(?<!\w)@(?=\w)")  # what calls somebody
_BLOCK = re.compile(r"[#>=~+-]|\d+[.)]")  # what begins a heading, a quotation, a list
_STYLE = Path(__file__).with_name("page.css")


def page(template: Path, **parts: str) -> str:
    """Return a template with the style of all pages and its `parts`, which are HTML, put in."""
    style = _STYLE.read_text(encoding="utf-8")
    return Template(template.read_text(encoding="utf-8")).substitute(parts, style=style)


def heading(title: str) -> str:
    """Return the heading of a part of a page, to which `links` lead."""
    return f'<h2 id="{_anchor(title)}">{html.escape(title)}</h2>'


def links(titles: Iterable[str]) -> str:
    """Return links to the parts of a page."""
    to = (f'<a href="#{_anchor(title)}">{html.escape(title)}</a>' for title in titles)
    return f"<nav>{''.join(to)}</nav>"


def folded(title: str, body: str) -> str:
    """Return a part that is closed at first; nothing if it has no body."""
    return f"<details><summary>{html.escape(title)}</summary>{body}</details>" if body else ""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of lines of Markdown; nothing if it has no rows."""
    body = "".join(f"<tr>{_cells(header, row)}</tr>" for row in rows)
    if not body:
        return ""
    names = "".join(f"<th>{inline(cell)}</th>" for cell in header)
    return f'<div class="scroll"><table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>'


def picture(name: str, content: bytes) -> str:
    """Return a PNG inside the page, under its name."""
    source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    said = html.escape(name)
    return f'<figure><figcaption>{said}</figcaption><img alt="{said}" src="{source}"></figure>'


def code(name: object) -> str:
    """Return a name as code."""
    return "`" + named(name).replace("`", "'") + "`"


def value(given: object) -> str:
    """Return a value as it is or, where it might be taken for markup, as code."""
    text = named(given)
    return text if _PLAIN.fullmatch(text) else code(text)


def words(text: str) -> str:
    """Return a sentence in which code may stand; outside of it, what would be markup is shown by look-alikes."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    parts = re.split(r"(`[^`]*`)", line)
    parts[::2] = [_CALLS.sub("\uff20", part.translate(_LOOKALIKES)).replace("](", "] (") for part in parts[::2]]
    return "".join(parts)


def paragraph(text: str) -> str:
    """Return sentences, a line each, as a paragraph of its own."""
    return "\n".join(("\\" if _BLOCK.match(line) else "") + words(line) for line in text.split("\n"))


def inline(text: str) -> str:
    """Return a line of this project's Markdown as HTML: code and bold, nothing else."""
    parts = re.split(r"`([^`]+)`", html.escape(text))
    parts[::2] = [re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", part) for part in parts[::2]]
    parts[1::2] = [f"<code>{part}</code>" for part in parts[1::2]]
    return "".join(parts)


def _cells(header: Sequence[str], row: Sequence[str]) -> str:
    """Return the cells of a row, each with its column's name, which a phone shows beside it."""
    columns = zip(header, row, strict=True)
    return "".join(f'<td data-label="{html.escape(name)}">{inline(cell)}</td>' for name, cell in columns)


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")
