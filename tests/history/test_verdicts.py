"""Verdicts are read whole or refused in one line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_digits.errors import InputError
from robust_digits.history import verdicts
from robust_digits.history.revisions import Revision

GOOD = "index,label,clean,deepfool,worst_case\n0,7,1,0,0\n1,3,1,,1\n"


def revision(content: bytes) -> Revision:
    """Return a revision with nothing but the verdicts of one model."""
    return Revision("0" * 40, {verdicts.path("robust"): content})


def test_every_cell_is_read() -> None:
    """Labels are numbers, a view has 1 for right, 0 for wrong and -1 where an attack did not see the image."""
    found = verdicts.read(revision(GOOD.encode()), "robust")
    assert found is not None
    np.testing.assert_array_equal(found.labels, [7, 3])
    assert {view: list(cells) for view, cells in found.views.items()} == {
        "clean": [1, 1],
        "deepfool": [0, -1],
        "worst_case": [0, 1],
    }


def test_a_revision_without_verdicts() -> None:
    """Revisions before verdicts were kept have none, which is no mistake."""
    assert verdicts.read(Revision("0" * 40, {}), "robust") is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "index,label,clean\n",
        "label,clean\n7,1\n",
        GOOD.replace("1,3,", "2,3,"),
        GOOD.replace("0,7,1", "0,7,2"),
        GOOD.replace("0,7,1", "0,seven,1"),
        GOOD.replace("0,7,1", "0,7,1.0"),
        GOOD.replace("0,7,1", f"0,{2**70},1"),
        GOOD.replace("1,3,1,,1", "1,3,1,1"),
    ],
    ids=["empty", "no image", "no index", "a gap", "a two", "a word", "a fraction", "too large", "a cell missing"],
)
def test_what_is_no_table_of_verdicts_is_refused(content: str) -> None:
    """The line names the file and the revision."""
    with pytest.raises(InputError, match=r"metrics/verdicts/robust\.csv in 000000000000: expected "):
        verdicts.read(revision(content.encode()), "robust")


@given(st.binary(max_size=200) | st.text(alphabet='index,labcn01\n"-', max_size=200).map(str.encode))
def test_any_bytes_are_verdicts_or_refused(content: bytes) -> None:
    """Whatever lies there, nothing but the refusal is raised."""
    try:
        found = verdicts.read(revision(content), "robust")
    except InputError:
        return
    assert found is not None
    assert all(set(cells) <= {-1, 0, 1} and len(cells) == len(found.labels) for cells in found.views.values())
