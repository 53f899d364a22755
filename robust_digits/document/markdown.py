"""Tables in Markdown, and shares in their cells."""

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with a line for each row; cells are Markdown already, but that a bar in one is not the next."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n" for cells in lines)


def share(found: float, interval: Sequence[float], *, decimals: int = 1) -> str:
    """Return a share in percent, and the ends of its interval."""
    said, low, high = (f"{100 * each:.{decimals}f}" for each in (found, *interval))
    return f"{said}% ({low} to {high})"
