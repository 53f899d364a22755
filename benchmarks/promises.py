"""What the rows must show, beside what was measured."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.records import KEY
from benchmarks.rows import ROWS, Target

_AUTOATTACK = 4  # times as fast as the official one
_SLOWER = "AVX2 here and AVX-512 there, and a row of its own for every image (docs/autoattack.md)"
_UNKNOWN = "not looked into"
_EACH = "*"  # part of the work


def held(rows: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return every target of the table beside what was measured of it, which is None where a contender failed."""
    found = []
    for name, row in ROWS.items():
        lines = {line["name"]: line for line in rows.get(name, {}).get("contenders", [])}
        ours = next(iter(row.contenders))
        found += [_held(row.title, target, lines, ours) for target in row.targets]
    return found + _official(rows)


def autoattack(measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what benchmarks/autoattack.py recorded as a row: a contender for each model and implementation."""
    lines = []
    for each in measured:
        model = _named(each, measured)
        for name, seconds in each["seconds"].items():
            times = round(seconds / each["seconds"]["ours"], 3)
            what = {"name": f"{model} {name}", "label": f"{name}, {model}", "ratio": times}
            stands = list(each[name].values())[-1]
            spread = {"median": seconds, "lowest": seconds, "highest": seconds, "seconds_each": seconds}
            lines.append(what | spread | {"said": {"stands": stands}, "parts": {}, "versions": each["versions"]})
    head = {"title": "AutoAttack, version standard", "unit": "seconds", "rounds": 1, "sizes": {}, "day": ""}
    return head | {"machine": ", ".join(sorted({each["machine"] for each in measured})), "contenders": lines}


def _named(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the name of the model of a row, and in what it differs from other rows of that name."""
    same = [each for each in rows if each["model"] == row["model"]]
    told = [f"{name} {row[name]}" for name in KEY[1:] if len({str(each.get(name)) for each in same}) > 1]
    return ", ".join([row["model"], *told])


def _held(title: str, target: Target, lines: Mapping[str, Mapping[str, Any]], ours: str) -> dict[str, Any]:
    peer, than = lines.get(target.peer or ours, {}), lines.get(ours, {})
    measured = _figure(target, peer, than)
    met = None if measured is None else measured <= target.times if target.at_most else measured >= target.times
    return {
        "row": title,
        "what": target.what or peer.get("label", target.peer),
        "expected": f"{'at most' if target.at_most else 'at least'} {target.times:.3g}",
        "measured": None if measured is None else float(f"{measured:.3g}"),
        "met": met,
        "reason": target.reason or _UNKNOWN if met is False else "",
    }


def _figure(target: Target, peer: Mapping[str, Any], ours: Mapping[str, Any]) -> float | None:
    """Return what is held against the target: a ratio of times, of one figure of a part, or that figure itself."""
    if "failed" in peer or "failed" in ours or not peer or not ours:
        return None
    if not target.figure:
        return float(peer["ratio"])
    part, _, figure = target.figure.partition(" ")
    if part == _EACH:
        return max(float(peer["parts"][each][figure] / own[figure]) for each, own in ours["parts"].items())
    own = float(ours["parts"][part][figure])
    return float(peer["seconds_each"]) / own if target.peer else own


def _official(rows: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    lines = rows.get("autoattack", {}).get("contenders", [])
    title = rows.get("autoattack", {}).get("title", "")
    return [
        _held(title, Target(line["name"], _AUTOATTACK, reason=_SLOWER), {line["name"]: line, "ours": line}, "ours")
        for line in lines
        if line["name"].endswith(" official")
    ]
