"""What a pull request did, as Markdown: the verdict first, then what a reviewer asks next."""

from typing import Any

from robust_digits import markup
from robust_digits.markup import code
from robust_digits.report import diagram, overview
from robust_digits.report.comparison import SAME, Comparison
from robust_digits.report.headline import WHITE, headline, shown
from robust_digits.report.significance import MCNEMAR, TWO_PROPORTIONS

_NAMED = 12  # of what was measured otherwise
_LIBRARIES = ("tensorflow", "keras", "numpy", "adversarial-robustness-toolbox", "dvc")


def report(comparison: Comparison, *, base: str) -> str:
    """Return the whole report; `base` is what the user compared with, such as main."""
    green, red = overview.checks(comparison.checks)
    parts = [
        f"## {headline(comparison)}",
        where(comparison, base=base),
        moved(comparison),
        _alert(warnings(comparison)),
        str(overview.figures(overview.first(comparison.figures))),
        told(comparison),
        _others(comparison),
        _flipped(comparison),
        _unchanged(comparison),
        str(overview.models(comparison)),
        _titled("Accuracy over eps", diagram.security(comparison.base, comparison.here)),
        f"{green}\n\n{red}",
        _stages(comparison),
        _versions(comparison),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def failure(reason: str) -> str:
    """Return the report when there is nothing to compare."""
    return f"## {WHITE} Could not compare\n\n{markup.paragraph(reason)}\n"


def where(comparison: Comparison, *, base: str) -> str:
    """Say what was compared."""
    here, origin = comparison.here.revision, comparison.base.revision
    subject = code(here.subject)  # so that it is neither markup nor calls anybody
    return f"{subject}: commit {here.label} against {origin.commit[:12]}, where it left {code(base)}."


def moved(comparison: Comparison) -> str:
    """Say which parameters are others than at the base; nothing where none is."""
    if not comparison.params:
        return ""
    said = [f"{code(name)}{_values(values)}" for name, values in comparison.params.items()]
    more = f" and {len(said) - _NAMED} more" if len(said) > _NAMED else ""
    return f"Parameters: {', '.join(said[:_NAMED])}{more}."


def warnings(comparison: Comparison) -> list[str]:
    """Say what a reader must know before believing a number."""
    said = []
    if comparison.protocol:
        names = [f"{code(name)}{_values(comparison.params.get(name))}" for name in comparison.protocol]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        listed = ", ".join(names[:_NAMED]) + more
        then = (
            "The base's models were judged again, by the same; its curves were not, and are left out."
            if comparison.rejudged
            else "What depends on these cannot be compared."
        )
        said.append(f"**Judged otherwise than at the base:** {listed}. {then}")
    if comparison.gate:
        moved = ", ".join(f"{code(name)}{_values(values)}" for name, values in comparison.gate.items())
        said.append(f"**The limits moved:** {moved}. Those here are the base's, or the stricter ones.")
    if comparison.idle:
        idle = ", ".join(map(code, comparison.idle))
        said.append(f"**gate.yaml accepts what is not wrong:** {idle}. Take it out.")
    return said


def told(comparison: Comparison) -> str:
    """Say by which test the figures that changed were told from chance; nothing where none changed."""
    used = {each.difference.test for each in comparison.figures if each.difference and each.status != SAME}
    if used == {MCNEMAR}:
        return "The test images are those of the base: chance was told from change image by image (exact McNemar test)."
    if used == {TWO_PROPORTIONS}:
        return "Chance was told from change by two proportions: other test images, or no verdicts on each at the base."
    both = "Chance was told from change image by image where images are counted, else by two proportions."
    return both if used else ""


def _others(comparison: Comparison) -> str:
    others = overview.others(comparison.figures)
    title = f"{overview.counted(len(others), 'other figure')} changed"
    return _folded(title, str(overview.figures(others))) if others else ""


def _flipped(comparison: Comparison) -> str:
    table = overview.flipped(comparison.figures)
    return _folded("Which test images broke, and which were mended", str(table)) if table.rows else ""


def _alert(lines: list[str]) -> str:
    return "> [!WARNING]\n" + "\n>\n".join(f"> {line}" for line in lines) if lines else ""


def _unchanged(comparison: Comparison) -> str:
    table = overview.unchanged(comparison.figures)
    return _folded(f"{overview.counted(len(table.rows), 'figure')} unchanged", str(table)) if table.rows else ""


def _stages(comparison: Comparison) -> str:
    count, rest, table = overview.stages(comparison.stages)
    return _folded(count, f"{table}\n{rest}")


def _versions(comparison: Comparison) -> str:
    locked = comparison.here.packages
    used = ", ".join(f"{name} {markup.value(locked[name])}" for name in _LIBRARIES if name in locked)
    commits = f"base {comparison.base.revision.commit}, here {comparison.here.revision.commit}"
    return _folded("Versions and commits", f"{commits}\n\n{used}\n\n{overview.changes(comparison.packages)}")


def _values(pair: tuple[Any, Any] | None) -> str:
    return f" {shown(pair[0])} → {shown(pair[1])}" if pair else ""


def _titled(title: str, body: str) -> str:
    return f"### {title}\n\n{body}" if body else ""


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body.strip()}\n\n</details>"
