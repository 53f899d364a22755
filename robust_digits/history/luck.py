"""By how much figures differ from seed to seed, in a study of the default pipeline: what a change is held against.

Of five seeds a standard deviation says little: its 95% interval reaches from 0.6 to 2.9 times what was computed. The
range is what was seen. Were figures normal, two other seeds would differ by more than it about one time in six. A seed
draws the test images too, which a change shares with its base: the range is rather too wide than too narrow.
"""

from robust_digits.errors import InputError
from robust_digits.history import documents
from robust_digits.history.revisions import Revision

FILE = "docs/studies/seeds.csv"  # `make study NAME=seeds` writes it
_NEEDED = {"value", "stale"}


def spread(revision: Revision) -> dict[str, float]:
    """Return the largest difference between two seeds, as a share of the test images, of each figure by its full name.

    A figure that fewer than two seeds measured is not among them; without a study there is none. Lines that earlier
    code made count only where no other is there, because a difference between code is no luck.

    Raises
    ------
    InputError
        If the file is no table of a study, or a figure in it is no share.
    """
    if FILE not in revision.files:
        return {}
    rows = documents.rows(revision, FILE)
    columns = rows[0].keys() if rows else set()
    figures = [column for column in columns if "." in column]
    if rows and not (columns >= _NEEDED and figures):
        names = ", ".join(columns)
        raise InputError(f"{FILE} in {revision.label}: expected the columns value, stale and figures, got {names}")
    done = [row for row in rows if not row["stale"]]
    if not any(row[figure] for row in done for figure in figures):
        done = rows
    found = {figure: [_share(revision, row, figure) for row in done if row[figure]] for figure in figures}
    return {figure: max(shares) - min(shares) for figure, shares in found.items() if len(shares) > 1}


def _share(revision: Revision, row: dict[str, str], figure: str) -> float:
    """Return the figure that a seed gave."""
    try:
        share = float(row[figure])
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        where = f"{FILE} in {revision.label}"
        raise InputError(
            f"{where}: {figure} of seed {row['value']}: expected a share between 0 and 1, got {row[figure]}"
        )
    return share
