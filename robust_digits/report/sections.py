"""What a pull request did, as Markdown: the verdict first, then what a reviewer asks next."""

from typing import Any

from robust_digits.report import diagram, overview
from robust_digits.report.comparison import Comparison
from robust_digits.report.headline import MARKS, exit_code, headline

_LIBRARIES = ("tensorflow", "keras", "numpy", "adversarial-robustness-toolbox", "dvc")


def report(comparison: Comparison, *, base: str) -> str:
    """Return the whole report; `base` is what the user compared with, such as main."""
    green, red = overview.checks(comparison.checks)
    parts = [
        f"## {MARKS[exit_code(comparison)]} {headline(comparison)}",
        where(comparison, base=base),
        _alert(warnings(comparison)),
        str(overview.figures(comparison.figures)),
        _unchanged(comparison),
        str(overview.models(comparison)),
        _titled("Accuracy over eps", diagram.security(comparison.base, comparison.here)),
        f"{green}\n\n{red}",
        _titled("Parameters that changed", str(overview.changes(comparison.params))),
        _stages(comparison),
        _versions(comparison),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def failure(reason: str) -> str:
    """Return the report when there is nothing to compare."""
    return f"## {MARKS[2]} Could not compare\n\n{reason}\n"


def where(comparison: Comparison, *, base: str) -> str:
    """Say what was compared."""
    here, origin = comparison.here.revision, comparison.base.revision
    return f"Commit {here.label} against {origin.commit[:12]}, where it left `{base}`."


def warnings(comparison: Comparison) -> list[str]:
    """Say what a reader must know before believing a number."""
    said = []
    if comparison.protocol:
        names = ", ".join(f"`{name}`{_values(comparison.params.get(name))}" for name in comparison.protocol)
        said.append(f"**Measured otherwise than at the base:** {names}. What depends on these cannot be compared.")
    if comparison.gate:
        names = ", ".join(f"`{name}`{_values(values)}" for name, values in comparison.gate.items())
        said.append(f"**gate.yaml was changed:** {names}.")
    if comparison.idle:
        names = ", ".join(f"`{name}`" for name in comparison.idle)
        said.append(f"**gate.yaml accepts what is not wrong:** {names}. Take it out.")
    return said


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
    used = ", ".join(f"{name} {locked[name]}" for name in _LIBRARIES if name in locked)
    commits = f"base {comparison.base.revision.commit}, here {comparison.here.revision.commit}"
    return _folded("Versions and commits", f"{commits}\n\n{used}\n\n{overview.changes(comparison.packages)}")


def _values(pair: tuple[Any, Any] | None) -> str:
    return f" {overview.shown(pair[0])} → {overview.shown(pair[1])}" if pair else ""


def _titled(title: str, body: str) -> str:
    return f"### {title}\n\n{body}" if body else ""


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body.strip()}\n\n</details>"
