"""The plots of two revisions, one over the other, made from the tables in plots/."""

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from robust_digits.draw import vega
from robust_digits.draw.vega import BASE, HERE, Spec
from robust_digits.history import documents
from robust_digits.history.results import Results
from robust_digits.judge.views import CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, WORST_CASE, label

T = TypeVar("T")
Row = dict[str, str]
Plot = tuple[str, str, bool, Spec]  # row, title, whether it is another than at the base, what to draw
Tables = dict[str, list[Row]]  # a table as it is here and at the base

_CURVES = {  # kind of table in plots/security -> title, and what the axes say
    "linf": ("L-infinity", "eps, L-infinity", "accuracy under APGD"),
    "l2": ("L2", "eps, L2", "accuracy under APGD"),
    "certified": ("certified, L-infinity", "eps, L-infinity", "certified accuracy"),
}
_MEASURES = {  # on the vertical axis of a learning curve -> how the columns end that belong there, and the axis
    "accuracy": (("accuracy", "_fgm", "_pgd"), vega.SHARES),
    "loss": (("loss",), {}),
}
_BOUND = "grey_bound"
_BOTH = "dashed: at the base"


@dataclass(frozen=True)
class Drawing:
    """One plot: the part of the page and the row there that it belongs to, its title, and what Vega-Lite draws.

    `moved` says whether it shows anything else than at the base; where nothing of the base can be shown it does.
    """

    part: str
    row: str
    title: str
    moved: bool
    spec: Spec


def drawings(base: Results, here: Results) -> list[Drawing]:
    """Return every plot that the tables of either revision make."""
    return [
        Drawing(part, row, title, moved, {**spec, "description": title})
        for part, make in _PARTS.items()
        for row, title, moved, spec in make(base, here)
    ]


def _security(base: Results, here: Results) -> Iterator[Plot]:
    """Yield accuracy over eps, a line each model, under attack and certified; with the bound that grey images set."""
    found = _tables(base, here, "security")
    for kind, (title, x, y) in _CURVES.items():
        tables = found.get(kind, {})
        points = [point for model in _order(base, here) for point in _points(tables, model, "eps", model)]
        grey = _points(found.get(_BOUND, {}), _BOUND, "eps", "accuracy") if kind == "linf" else []
        bound = [point for point in grey if point["at"] == HERE]
        if points:
            said = [*([_BOTH] if _of_base(points) else []), *(["grey: no model can exceed this"] if bound else [])]
            spec = vega.lines(
                points,
                x={"field": "eps", "title": x},
                y={"title": y, **vega.SHARES},
                series=_order(base, here),
                bound=bound,
            )
            yield "", "; ".join([title, *said]), _other({point["at"] for point in points}, tables), spec


def _per_class(base: Results, here: Results) -> Iterator[Plot]:
    """Yield the accuracy within each class in each view."""
    for view, tables in _tables(base, here, "per_class").items():
        points = [point for model in _order(base, here) for point in _points(tables, model, "class", model)]
        if points:
            title = label(view) + ("; line: at the base" if _of_base(points) else "")
            spec = vega.bars(points, x="class", y={"title": "accuracy", **vega.SHARES}, series=_order(base, here))
            yield "", title, _other({point["at"] for point in points}, tables), spec


def _learning(base: Results, here: Results) -> Iterator[Plot]:
    """Yield what was measured of each model while it learned, in training and in validation."""
    for model, tables in _tables(base, here, "training").items():
        for measure, (ends, axis) in _MEASURES.items():
            columns = dict.fromkeys(name for rows in tables.values() for name in _columns(rows) if name.endswith(ends))
            points = [point for name in columns for point in _points(tables, _spaced(name), "epoch", name)]
            if points:
                spec = vega.lines(
                    points,
                    x={"field": "epoch", **vega.WHOLE},
                    y={"title": measure, "scale": {"zero": False}, **axis},
                    series=[_spaced(name) for name in columns],
                )
                title = f"{model}, {measure}" + (f"; {_BOTH}" if _of_base(points) else "")
                yield model, title, _other({point["at"] for point in points}, tables), spec


def _confusion(base: Results, here: Results) -> Iterator[Plot]:
    """Yield which classes are taken for which; those of the base beside, where they are others."""
    found = _tables(base, here, "confusion")
    for view, model in itertools.product(found, _order(base, here)):
        tables = {at: rows for at, rows in found[view].items() if model in _columns(rows)}
        pairs = _moved({at: [(row["actual"], row[model]) for row in rows] for at, rows in tables.items()})
        for at, each in sorted(pairs.items()):  # the base on the left
            counts = Counter(each)
            total = Counter(actual for actual, _ in each)
            cells = [
                {"true": int(actual), "predicted": int(predicted), "images": count, "share": count / total[actual]}
                for (actual, predicted), count in sorted(counts.items())
            ]
            classes = sorted({int(label) for pair in counts for label in pair})
            whose = "" if pairs.keys() == {HERE} else f", {at}"
            spec = vega.matrix(cells, x="predicted", y="true", classes=classes)
            yield view, f"{model}, {label(view)}{whose}", _other(pairs, tables), spec


_PARTS: dict[str, Callable[[Results, Results], Iterator[Plot]]] = {
    "Accuracy over eps": _security,
    "Accuracy within each class": _per_class,
    "Learning curves": _learning,
    "Confusion": _confusion,
}


def _tables(base: Results, here: Results, folder: str) -> dict[str, Tables]:
    """Return the tables of a folder of plots/ by name, in the order of the views, and of the models."""
    prefix, suffix = f"plots/{folder}/", ".csv"
    paths = {path for results in (here, base) for path in results.revision.files}
    order = [*_order(base, here), CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, WORST_CASE]
    found: dict[str, Tables] = {}
    for path in sorted(path for path in paths if path.startswith(prefix) and path.endswith(suffix)):
        both = {at: results.revision for at, results in ((HERE, here), (BASE, base)) if path in results.revision.files}
        tables = {at: documents.rows(revision, path) for at, revision in both.items()}
        found[path.removeprefix(prefix).removesuffix(suffix)] = tables
    return dict(sorted(found.items(), key=lambda each: order.index(each[0]) if each[0] in order else len(order)))


def _points(tables: Tables, of: str, x: str, y: str) -> list[dict[str, Any]]:
    """Return the points of one series: two columns of a table, where it has both; those of the base if they differ."""
    pairs = {
        at: [(float(row[x]), float(row[y])) for row in rows if row.get(x) and row.get(y)] for at, rows in tables.items()
    }
    return [
        {"of": of, "at": at, x: place, "value": value} for at, found in _moved(pairs).items() for place, value in found
    ]


def _moved(series: dict[str, list[T]]) -> dict[str, list[T]]:
    """Return what is here and, where that is another, what was at the base."""
    return {at: found for at, found in series.items() if at == HERE or found != series.get(HERE)}


def _columns(rows: list[Row]) -> list[str]:
    return list(rows[0]) if rows else []


def _other(shown: Collection[str], tables: Tables) -> bool:
    """Return whether what is shown of some tables is anything else than what the base has."""
    return set(shown) != {HERE} or BASE not in tables


def _of_base(points: list[dict[str, Any]]) -> bool:
    """Return whether any point is drawn as at the base."""
    return any(point["at"] == BASE for point in points)


def _order(base: Results, here: Results) -> list[str]:
    return list(dict.fromkeys([*here.models, *base.models]))


def _spaced(name: str) -> str:
    return name.replace("_", " ")
