"""The table of scores comes back as it was written, and one that is damaged is refused."""

from pathlib import Path

import numpy as np
import pytest
from support.detection import views

from robust_digits.detect import scores
from robust_digits.errors import InputError


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    """Every view of every detector, to the last digit that a float32 has."""
    wanted = {"one": views(), "other": views(seed=1)}
    scores.save(tmp_path / "scores.csv", wanted)
    found = scores.load(tmp_path / "scores.csv")
    assert found.keys() == wanted.keys()
    for name, each in wanted.items():
        assert found[name].keys() == each.keys()
        for view, seen in each.items():
            for field in ("labels", "predicted", "scores"):
                np.testing.assert_array_equal(getattr(found[name][view], field), getattr(seen, field))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("score\n", "scored\n", "line 2: not the scores of a detector: 'score'"),
        (",validation,1,", ",validation,2,", "line 3: expected image 1 and a finite score, got 2 and"),
        (",validation,0,0,0,", ",validation,0,x,0,", "line 2: not the scores of a detector: invalid literal"),
        ("evasion", "other", "expected evasion of one, got none"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    """A line names the file and what is wrong with it."""
    path = tmp_path / "scores.csv"
    scores.save(path, {"one": views()})
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=f"^{path}") as caught:
        scores.load(path)
    assert said in str(caught.value)


def test_a_score_that_is_no_number_is_refused(tmp_path: Path) -> None:
    """It would be flagged by no threshold, and so would look like an attack that evades."""
    made = views()
    made["evasion"].scores[0] = np.nan
    scores.save(tmp_path / "scores.csv", {"one": made})
    with pytest.raises(InputError, match="expected image 0 and a finite score, got 0 and nan"):
        scores.load(tmp_path / "scores.csv")
