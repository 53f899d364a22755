"""Kinds of plots as Vega-Lite specifications: lines, bars and matrices, of what is here and of what was at the base.

A point is a record with its value, `of` which series it is, and `at` which revision. Colours are the page's: see
page.html, where the styles `base` and `bound` are defined as well.
"""

from collections.abc import Sequence
from typing import Any

Spec = dict[str, Any]

HERE, BASE = "here", "base"
SHARES = {"axis": {"format": ".0%"}}
WHOLE = {"axis": {"format": "d", "tickMinStep": 1}, "scale": {"zero": False, "nice": False}}
_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"  # a name, which nothing fetches
_HEIGHT, _CELLS = 240, 300  # pixels


def lines(points: Sequence[Spec], *, x: Spec, y: Spec, series: Sequence[str], bound: Sequence[Spec] = ()) -> Spec:
    """Return a line for each series, dashed at the base, over a step that no line can exceed."""
    across = {"type": "quantitative", **x}
    up = {"field": "value", "type": "quantitative", **y}
    drawn = {
        "data": {"values": list(points)},
        "mark": {"type": "line", "point": {"size": 14}},
        "encoding": {
            "x": across,
            "y": up,
            "color": _colour(series),
            "strokeDash": {"field": "at", "legend": None, "scale": {"domain": [HERE, BASE], "range": [[1, 0], [5, 4]]}},
            "tooltip": [{"field": field} for field in ("of", "at", x["field"], "value")],
        },
    }
    limit = {
        "data": {"values": list(bound)},
        "mark": {"type": "line", "interpolate": "step-after", "style": "bound"},
        "encoding": {"x": across, "y": up},
    }
    return {"$schema": _SCHEMA, "width": "container", "height": _HEIGHT, "layer": [limit, drawn] if bound else [drawn]}


def bars(points: Sequence[Spec], *, x: str, y: Spec, series: Sequence[str]) -> Spec:
    """Return a bar for each series in each group, and a mark where it was at the base."""
    place = {
        "x": {"field": x, "type": "ordinal", "axis": {"labelAngle": 0}},
        "xOffset": {"field": "of", "type": "nominal", "scale": {"domain": list(series)}},
        "y": {"field": "value", "type": "quantitative", "scale": {"domain": [0, 1]}, **y},
        "tooltip": [{"field": field} for field in ("of", "at", x, "value")],
    }
    layers = [
        (HERE, {"type": "bar"}, place | {"color": _colour(series)}),
        (BASE, {"type": "tick", "thickness": 2, "style": "base"}, place),
    ]
    return {
        "$schema": _SCHEMA,
        "width": "container",
        "height": _HEIGHT,
        "data": {"values": list(points)},
        "layer": [
            {"transform": [{"filter": f"datum.at == '{at}'"}], "mark": mark, "encoding": encoding}
            for at, mark, encoding in layers
        ],
    }


def matrix(cells: Sequence[Spec], *, x: str, y: str, classes: Sequence[int]) -> Spec:
    """Return a square of cells, each with its number of `images`, the darker the larger its `share`."""
    scale = {"domain": list(classes)}
    shade = {"field": "share", "type": "quantitative", "legend": None}
    return {
        "$schema": _SCHEMA,
        "width": "container",
        "height": _CELLS,
        "data": {"values": list(cells)},
        "encoding": {
            "x": {"field": x, "type": "ordinal", "scale": scale, "axis": {"labelAngle": 0}},
            "y": {"field": y, "type": "ordinal", "scale": scale},
            "tooltip": [{"field": field} for field in (y, x, "images", "share")],
        },
        "layer": [
            {
                "mark": "rect",
                "encoding": {"color": {**shade, "scale": {"domain": [0, 1], "scheme": "blues"}}},
            },
            {
                "mark": {"type": "text", "fontSize": 10},
                "encoding": {
                    "text": {"field": "images"},
                    "color": {"condition": {"test": "datum.share > 0.5", "value": "white"}, "value": "#1b2733"},
                },
            },
        ],
    }


def _colour(series: Sequence[str]) -> Spec:
    """Give each series its own colour, the same in every plot that names the same ones."""
    return {"field": "of", "type": "nominal", "title": None, "scale": {"domain": list(series)}}
