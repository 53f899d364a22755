"""On how many test images each figure in a line of a study was measured.

`images` has how many there were; where an attack is asked of fewer, `fewer` names its figure: `jsma_transfer 1000`, a
semicolon between two.
"""

from collections.abc import Mapping
from typing import Any

IMAGES, FEWER = "images", "fewer"  # columns


def told(fewer: Mapping[str, int]) -> str:
    """Return the cell that says which figures were measured on fewer images."""
    return "; ".join(f"{metric} {count}" for metric, count in fewer.items())


def of(row: Mapping[str, Any], metric: str) -> int:
    """Return on how many images a figure of a line was measured; KeyError or ValueError where it does not say."""
    fewer = dict(each.split(" ") for each in row.get(FEWER, "").split("; ") if each)
    return int(fewer.get(metric, row[IMAGES]))
