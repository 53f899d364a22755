"""The luck of the draw is the range over seeds, of every figure that the study of seeds has."""

import pytest

from robust_digits.errors import InputError
from robust_digits.history import luck
from robust_digits.history.revisions import Revision

CLEAN, WORST = "hardened.accuracy.clean", "hardened.accuracy.worst_case"
HEADER = f"value,images,{CLEAN},{WORST},key,stale"


def spread(*lines: str) -> dict[str, float]:
    """Return what a revision with this table says."""
    return luck.spread(Revision("0" * 40, {luck.FILE: "\n".join(lines).encode()}))


def test_the_range_over_seeds() -> None:
    """The largest difference of two seeds, of each figure."""
    found = spread(HEADER, "0,359,0.94,0.61,a,", "1,359,0.95,0.58,b,", "2,359,0.93,0.6,c,")
    assert found == {CLEAN: pytest.approx(0.02), WORST: pytest.approx(0.03)}


def test_without_a_study() -> None:
    """No file, no line, or one seed alone: nothing is known of luck."""
    assert luck.spread(Revision("0" * 40, {})) == {}
    assert spread(HEADER) == {}
    assert spread(HEADER, "0,359,0.94,0.61,a,", "1,,,,,") == {}


def test_what_a_seed_did_not_measure_is_left_out() -> None:
    """A line from before the study asked for a figure has an empty cell."""
    assert spread(HEADER, "0,359,0.94,,a,", "1,359,0.95,0.58,b,") == {CLEAN: pytest.approx(0.01)}


def test_earlier_code_is_no_luck() -> None:
    """A stale line does not widen the range of the others; where all are stale, they are what is known."""
    lines = "0,359,0.94,0.61,a,", "1,359,0.95,0.58,b,"
    assert spread(HEADER, *lines, "2,359,0.5,0.1,c,yes") == spread(HEADER, *lines)
    assert spread(HEADER, *(f"{line}yes" for line in lines)) == spread(HEADER, *lines)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([HEADER, "0,359,0.94"], "expected a header and rows of as many cells"),
        (["value,images", "0,359"], "expected the columns value, stale and figures, got value, images"),
        ([f"{CLEAN}", "0.9"], f"expected the columns value, stale and figures, got {CLEAN}"),
        ([HEADER, "3,359,much,0.6,a,"], f"{CLEAN} of seed 3: expected a share between 0 and 1, got much"),
        ([HEADER, "3,359,0.9,nan,a,"], f"{WORST} of seed 3: expected a share between 0 and 1, got nan"),
        ([HEADER, "3,359,0.9,61,a,"], f"{WORST} of seed 3: expected a share between 0 and 1, got 61"),
    ],
    ids=["cells", "no figures", "no seeds", "no number", "not a number", "percent"],
)
def test_what_is_no_study_is_refused(lines: list[str], says: str) -> None:
    """One line has the file, the revision and what is wrong."""
    with pytest.raises(InputError) as caught:
        spread(*lines)
    assert str(caught.value) == f"{luck.FILE} in {'0' * 12}: {says}"
