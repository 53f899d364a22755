"""Which operations give the same bits on other processors, as the table of a document."""

from pathlib import Path

from robust_digits import tables
from robust_digits.document import markdown
from robust_digits.errors import InputError

_OPERATION = "operation"


def table(path: Path) -> str:
    """Return a table, one line an operation: whether each processor gives the bits that the first one does.

    Raises
    ------
    InputError
        If there is no such file, or benchmarks/bits.py has not written it on two processors at least.
    """
    rows = tables.read(path)
    columns = list(rows[0]) if rows else []
    if columns[:1] != [_OPERATION] or not columns[2:]:
        raise InputError(f"{path}: not what benchmarks/bits.py writes on two processors")
    _, first, *others = columns
    names = f"as on {first}", *others
    lines = [[row[_OPERATION], *(_verdict(row[each], row[first]) for each in others)] for row in rows]
    return markdown.table(names, lines)


def _verdict(digest: str, first: str) -> str:
    if not digest or not first:
        return "not asked"
    return "same" if digest == first else "**other**"
