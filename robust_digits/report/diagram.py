"""Accuracy over eps as a Mermaid diagram, which GitHub and GitLab draw by themselves."""

import itertools
from collections.abc import Sequence

from robust_digits import markup
from robust_digits.history import documents
from robust_digits.history.results import Results

# A square that a legend can show, the colour of the line here, and a paler one for the base; a sixth begins again.
_COLOURS = (
    ("🟦", "#2f7ed8", "#a9cbef"),
    ("🟧", "#f28f1c", "#f9d3a2"),
    ("🟩", "#2e9e4f", "#a8d8b5"),
    ("🟪", "#8a56c2", "#cfbae6"),
    ("🟫", "#8a5a3b", "#cdb5a5"),
)

Curve = list[tuple[float, ...]]  # eps, accuracy
_TABLE = "plots/security/linf.csv"


def security(base: Results, here: Results) -> str:
    """Return a diagram of each model's accuracy over L-infinity eps, as Markdown; empty where no curve was measured.

    A model whose curve is not that of the base has a second, paler line, if it was measured at the same eps.
    """
    before, now = _curves(base), _curves(here)
    if not now:
        return ""
    sizes = _sizes(next(iter(now.values())))
    lines: list[tuple[str, Curve]] = []
    legend = []
    for (model, curve), (square, strong, pale) in zip(now.items(), itertools.cycle(_COLOURS), strict=False):
        legend.append(f"{square} {markup.value(model)}")
        lines += [(pale, before[model])] if before.get(model, curve) != curve else []
        lines += [(strong, curve)]
    lines = [(colour, curve) for colour, curve in lines if _sizes(curve) == sizes]
    paler = " (paler: at the base)" if len(lines) > len(legend) else ""
    return f"{' '.join(legend)}{paler}\n\n{_chart(sizes, lines)}"


def _chart(sizes: Sequence[float], lines: Sequence[tuple[str, Curve]]) -> str:
    drawn = "\n".join(f"    line [{', '.join(f'{100 * share:.1f}' for _, share in curve)}]" for _, curve in lines)
    return f"""```mermaid
---
config:
  themeVariables:
    xyChart:
      plotColorPalette: "{", ".join(colour for colour, _ in lines)}"
---
xychart-beta
    x-axis "eps, L-infinity" [{", ".join(f'"{eps:g}"' for eps in sizes)}]
    y-axis "accuracy under APGD, %" 0 --> 100
{drawn}
```
"""


def _curves(results: Results) -> dict[str, Curve]:
    """Return the curve of each model that has one."""
    if _TABLE not in results.revision.files:
        return {}
    columns = documents.rows(results.revision, _TABLE)[:1]
    models = [model for model in results.models if columns and columns[0].get(model)]
    return {model: documents.numbers(results.revision, _TABLE, "eps", model) for model in models}


def _sizes(curve: Curve) -> list[float]:
    return [eps for eps, _ in curve]
