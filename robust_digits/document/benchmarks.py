"""What `make bench` measured, as the tables of a document."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from robust_digits import markup
from robust_digits.document import markdown
from robust_digits.errors import InputError, named

Line = Mapping[str, Any]
_MADE_BY = "benchmarks/bench.py"
_LIMIT = "limit"  # the row whose parts are the operations on an image in the other rows


def tables(path: Path) -> str:
    """Return a table for each row of a file of results, the parts of its work, and what the rows must show.

    Raises
    ------
    InputError
        If there is no such file, or it holds something else.
    """
    try:
        results = json.loads(path.read_bytes())
        rows = results["rows"]
        measured = [_row(row) for name, row in rows.items() if name != _LIMIT]
        limit = [_limit(rows, rows[_LIMIT])] if _LIMIT in rows else []
        return "\n".join([*measured, *limit, _targets(results["targets"])])
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ZeroDivisionError) as error:
        raise InputError(f"{path}: not what {_MADE_BY} writes: {error!r}") from None


def _row(row: Line) -> str:
    lines = [_contender(line) for line in row["contenders"]]
    names = "contender", row["unit"], "lowest", "highest", "time / ours", "said"
    sizes = ", ".join(f"{value:g} {name}" for name, value in row["sizes"].items())
    where = "; ".join(filter(None, (sizes, f"{row['rounds']} rounds", row["machine"], row["day"], _versions(row))))
    parts = [_parts(line) for line in row["contenders"] if line.get("parts")]
    return "\n".join([f"### {row['title']}\n", markdown.table(names, lines), f"{where}.\n", *parts])


def _contender(line: Line) -> list[str]:
    if "failed" in line:
        why = markup.words(named(line["failed"]))
        return [line["label"], f"failed: {why}", "", "", "", ""]
    said = ", ".join(f"{name} {_number(value)}" for name, value in line["said"].items())
    ratio = f"{line['ratio']:.2f}" if "ratio" in line else ""
    return [line["label"], *(_number(line[name]) for name in ("median", "lowest", "highest")), ratio, said]


def _parts(line: Line) -> str:
    """Return the parts of a contender's work, a line each."""
    columns = list(next(iter(line["parts"].values())))
    body = [[name, *(_number(part[column]) for column in columns)] for name, part in line["parts"].items()]
    return markdown.table((f"{line['label']}: of it", *columns), body)


def _limit(rows: Mapping[str, Line], limit: Line) -> str:
    """Return how near each row comes to what the machine's matrix products would allow."""
    products = limit["contenders"][0]
    body = []
    for name, billions in products.get("parts", {}).get("operations", {}).items():
        ours = rows[name]["contenders"][0] if name in rows else {"failed": "not measured"}
        if "failed" not in ours:
            images = 1 / (billions * products["seconds_each"])
            reached = rows[name]["sizes"]["images"] / ours["seconds_each"] if name == "training" else ours["median"]
            title = rows[name]["title"]
            body.append([title, f"{1000 * billions:.2f}", _number(images), _number(reached), f"{reached / images:.0%}"])
    names = "row", "million operations an image", "images/s at the rate of products", "ours", "share"
    return f"{_row({**limit, 'contenders': [{**products, 'parts': {}}]})}\n{markdown.table(names, body)}"


def _targets(targets: Sequence[Line]) -> str:
    body = [[each["row"], each["what"], each["expected"], _measured(each), _verdict(each)] for each in targets]
    return f"### Targets\n\n{markdown.table(('row', 'against', 'expected', 'measured', ''), body)}"


def _measured(target: Line) -> str:
    return "not measured" if target["measured"] is None else f"{target['measured']:.3g}"


def _verdict(target: Line) -> str:
    return "met" if target["met"] else f"missed: {target['reason']}" if target["met"] is False else ""


def _versions(row: Line) -> str:
    found = {used for line in row["contenders"] for used in line.get("versions", {}).items()}
    return ", ".join(f"{name} {version}" for name, version in sorted(found))


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004
