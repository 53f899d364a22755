"""gate.yaml says what must hold; an unknown key or value is refused, so that no limit is lost to a typo."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_digits.errors import InputError
from robust_digits.history import limits
from robust_digits.history.limits import Limit, Limits
from robust_digits.history.results import Results
from robust_digits.history.revisions import Revision, repository

ROOT = Path(__file__).parents[2]
GOOD = """level: 0.05
metrics: {robust: {accuracy.clean: {drop: 0.01, floor: 0.9}}}
accepted: {robust.sanity.logits: why}
"""


def revision(content: str) -> Revision:
    """Return a revision whose gate.yaml holds something."""
    return Revision("0" * 40, {"gate.yaml": content.encode()})


def test_limits_by_full_name() -> None:
    """Each limit stands under the full name of its figure."""
    found = limits.load(revision(GOOD))
    assert found.level == 0.05
    assert found.figures == {"robust.accuracy.clean": Limit(drop=0.01, floor=0.9)}
    assert found.accepted == {"robust.sanity.logits": "why"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("drop:", "dorp:", "gate.yaml: metrics.robust.accuracy.clean.dorp: expected drop or floor"),
        ("drop: 0.01", "drop: -1", "gate.yaml: metrics.robust.accuracy.clean: drop: expected greater than or"),
        ("floor: 0.9", "floor: 90", "gate.yaml: metrics.robust.accuracy.clean: floor: expected less than or"),
        ("floor: 0.9", "floor: high", "gate.yaml: metrics.robust.accuracy.clean: floor: expected a valid number"),
        ("level: 0.05", "level: 5", "gate.yaml: level: expected less than 1, got 5"),
        ("level: 0.05", "", "gate.yaml: level is missing"),
        ("accepted:", "excepted:", "gate.yaml: excepted: expected level, metrics, accepted only"),
        (": why", ": ''", "gate.yaml: accepted.robust.sanity.logits"),
        ("{robust:", "{robust: 1, x:", "gate.yaml: metrics.robust"),
    ],
)
def test_a_typo_is_refused(old: str, new: str, message: str) -> None:
    """What is misspelt or impossible is named in a line, with what would be legal."""
    assert old in GOOD
    with pytest.raises(InputError) as error:
        limits.load(revision(GOOD.replace(old, new)))
    assert str(error.value).startswith(message)


def test_a_missing_file() -> None:
    """Without limits there is no verdict."""
    with pytest.raises(InputError, match=r"^gate.yaml: not in 000000000000$"):
        limits.load(Revision("0" * 40, {}))


def test_entries_by_full_name() -> None:
    """Every limit and exception is an entry; a file without exceptions has none of them, and no file no entry."""
    name = "robust.accuracy.clean"
    held = {"level": 0.05, f"metrics.{name}.drop": 0.01, f"metrics.{name}.floor": 0.9}
    assert limits.entries(revision(GOOD)) == held | {"accepted.robust.sanity.logits": "why"}
    assert limits.entries(revision(GOOD.replace("{robust.sanity.logits: why}", "{}"))) == held
    assert limits.entries(Revision("0" * 40, {})) == {}


def test_this_project_holds_its_own_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every limit of this project is on a figure that it measures, and the figure is where it must be."""
    monkeypatch.chdir(ROOT)
    results = Results(repository().here())
    for name, limit in limits.load(results.revision).figures.items():
        assert results.figures[name].value >= (limit.floor or 0), name


limit = st.builds(Limit, drop=st.none() | st.floats(0, 0.9), floor=st.none() | st.floats(0.01, 1))
held = st.builds(
    Limits,
    level=st.floats(0.001, 0.5),
    figures=st.dictionaries(st.sampled_from(["a.accuracy.clean", "b.accuracy.clean"]), limit),
    accepted=st.dictionaries(st.sampled_from(["a.sanity.logits", "b.accuracy.clean"]), st.just("why")),
    gone=st.just({}),
)


@given(held, held)
def test_of_two_limits_the_stricter_judges(base: Limits, here: Limits) -> None:
    """No level is lower, no drop larger and no floor lower than either side has it, whichever is the base."""
    both = limits.strictest(base, here)
    assert (both.level, both.figures) == (limits.strictest(here, base).level, limits.strictest(here, base).figures)
    assert both.level == max(base.level, here.level)
    for side in (base, here):
        for name, own in side.figures.items():
            found = both.figures[name]
            assert own.drop is None or (found.drop is not None and found.drop <= own.drop)
            assert own.floor is None or (found.floor is not None and found.floor >= own.floor)
    assert set(both.accepted) == base.accepted.keys() & here.accepted.keys()
    assert set(both.gone) == here.accepted.keys() - base.figures.keys()
