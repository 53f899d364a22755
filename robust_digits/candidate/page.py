"""One page about one model: headline, figures, checks, how each was made, pictures; it needs no network."""

import html
from collections.abc import Mapping
from pathlib import Path

from robust_digits import markup
from robust_digits.candidate import told
from robust_digits.candidate.told import Judged
from robust_digits.judge.checks import Check

_TEMPLATE = Path(__file__).with_name("page.html")
_PARTS = ("Figures", "Checks", "How each figure was made", "Pictures")


def page(found: Judged, pictures: Mapping[str, bytes]) -> str:
    """Return the page, with `pictures`, PNG by their titles, inside it."""
    body = [_top(found), _figures(found), _checks(found), _how(found), _pictures(pictures)]
    return markup.page(_TEMPLATE, title=html.escape(told.headline(found)), body="\n".join(body))


def _top(found: Judged) -> str:
    judged = len(found.evidence.labels)
    of = f" of {found.available:,}" if found.available > judged else ""
    lines = (told.bracket(found.evidence), f"Data: {found.data}, the first {judged:,}{of} images. Model: {found.note}.")
    quiet = "".join(f'<p class="quiet">{html.escape(line)}</p>' for line in lines)
    note = "" if found.trusted else f'<p class="note">{html.escape(told.verdict(found))}</p>'
    state = "pass" if found.trusted else "fail"
    title = html.escape(told.headline(found))
    return f'<header class="{state}"><h1>{title}</h1>{quiet}{markup.links(_PARTS)}</header>{note}'


def _figures(found: Judged) -> str:
    table = markup.table(told.HEADER, told.rows(found.evidence))
    return f"{markup.heading(_PARTS[0])}{table}<p>{html.escape(told.members(found.evidence))}</p>"


def _checks(found: Judged) -> str:
    green = {name: check for name, check in found.checks.items() if check.passed}
    table = _table(found.red) + markup.folded(f"{len(green)} checks that hold", _table(green))
    return f"{markup.heading(_PARTS[1])}<p>{html.escape(told.verdict(found))}</p>{table}"


def _table(checks: Mapping[str, Check]) -> str:
    rows = (
        (name.replace("_", " "), check.says, _measured(check), f"{check.bound:.4g}") for name, check in checks.items()
    )
    return markup.table(("check", "what is measured", "measured", "at most"), rows)


def _measured(check: Check) -> str:
    said = "not run" if check.measured is None else f"{check.measured:.4g}"
    return said if check.passed else f"**{said}**"


def _how(found: Judged) -> str:
    return markup.heading(_PARTS[2]) + markup.table(("view", "ball", "settings"), told.how(found.evidence))


def _pictures(pictures: Mapping[str, bytes]) -> str:
    """Return the pictures, charts beside each other, and images, which need the width, each by itself."""
    drawn = [markup.picture(title, content) for title, content in pictures.items()]
    rows = ["".join(drawn[:2]), *drawn[2:]]
    return markup.heading(_PARTS[3]) + "".join(f'<div class="pair">{row}</div>' for row in rows)
