"""Whatever stands in gate.yaml, dvc.lock or a table of verdicts is taken as what it must be, or refused in one line."""

import math
from pathlib import Path

import pytest
from faults.fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st
from support.faults import tried

from robust_digits.errors import InputError
from robust_digits.history import documents, limits, lineage, verdicts
from robust_digits.history.revisions import Revision

pytestmark = pytest.mark.fault("refused")

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "dvc.lock").read_text(encoding="utf-8").partition("  train_baseline")[0]
GATE = "level: 0.05\nmetrics:\n" + (ROOT / "gate.yaml").read_text(encoding="utf-8").partition("\nmetrics:\n")[2]
VERDICTS = "index,label,clean,pgd,certified\n0,7,1,1,0\n1,2,1,0,0\n2,1,0,,0\n"
# What a hand, a merge or a broken disk may leave in the place of a value.
VALUES = st.one_of(
    st.sampled_from(
        [
            "",
            "null",
            "[]",
            "{}",
            "-1",
            "1e999",
            ".nan",
            "0x10",
            "1:30",
            "yes",
            "'",
            '"',
            "\t",
            "*a",
            "&a [*a]",
            "!!python/x",
        ]
    ),
    st.sampled_from(["2001-99-99", "<<<<<<< HEAD", "{drop: seeds}", "{drop: 5}", "[[[[", "9" * 5000, "\x00", "\ud7ff"]),
    st.text(max_size=8),
)


def edited(text: str) -> st.SearchStrategy[str]:
    """Return texts in which a few lines or cells are others, gone or there twice."""

    def change(edits: list[tuple[int, str, str]]) -> str:
        found = text
        for at, how, value in edits:
            start = at % (len(found) + 1)
            ends = [end for end in (found.find(mark, start + 1) for mark in "\n,:") if end > 0]
            end = min(ends, default=len(found))
            part = {"replace": value, "remove": "", "insert": value + found[start:end], "twice": 2 * found[start:end]}[
                how
            ]
            found = found[:start] + part + found[end:]
        return found

    how = st.sampled_from(["replace", "remove", "insert", "twice"])
    return st.lists(st.tuples(st.integers(0, len(text)), how, VALUES), min_size=1, max_size=3).map(change)


def revision(**files: str) -> Revision:
    """Return a revision of the project's own files, but for some; `__` in a name stands for a point."""
    own = {name: (ROOT / name).read_bytes() for name in ("dvc.yaml", "params.yaml")}
    changed = {name.replace("__", "."): text.encode("utf-8", "surrogatepass") for name, text in files.items()}
    return Revision(
        "0" * 40, own | {"docs/studies/seeds.csv": (ROOT / "docs/studies/seeds.csv").read_bytes()} | changed
    )


@examples(400)
@given(edited(GATE))
def test_limits(text: str) -> None:
    """An accepted gate.yaml has limits between 0 and 1, and a reason for each exception."""
    found, _ = tried(lambda: limits.load(revision(gate__yaml=text)))
    if found:
        assert 0 < found.level < 1
        for limit in found.figures.values():
            assert limit.drop is None or 0 <= limit.drop < 1
            assert limit.floor is None or 0 < limit.floor <= 1
        assert all(isinstance(reason, str) and reason for reason in found.accepted.values())


@examples(100)
@given(edited(LOCK))
def test_lock(text: str) -> None:
    """An accepted dvc.lock says of each stage what command ran, and with which files and parameters."""
    found, _ = tried(lambda: lineage.read(revision(dvc__lock=text)))
    for stage in (found or {}).values():
        assert isinstance(stage.command, str)
        for recorded in (stage.deps, stage.outs):
            assert all(isinstance(each, str) for item in recorded.items() for each in item)
    tried(lambda: lineage.stale(revision(dvc__lock=text)))


@examples(400)
@given(edited(VERDICTS))
def test_verdicts(text: str) -> None:
    """An accepted table has a verdict for each image in each view, and a label that is a class."""
    found, _ = tried(
        lambda: verdicts.read(Revision("0" * 40, {verdicts.path("a"): text.encode("utf-8", "replace")}), "a")
    )
    if found:
        assert found.labels.min(initial=0) >= 0
        for view in found.views.values():
            assert len(view) == len(found.labels)
            assert set(view.tolist()) <= {-1, 0, 1}


def test_an_alias_bomb() -> None:
    """A few aliases that stand for a billion values are refused before one is made."""
    levels = [f"a{i}: &a{i} {{x: *a{i - 1}, y: *a{i - 1}}}" for i in range(1, 40)]
    bomb = "\n".join(["a0: &a0 {x: 1}", *levels])
    with pytest.raises(InputError, match="expected 1,000,000 values at most, its aliases stand for more"):
        documents.mapping(revision(gate__yaml=bomb), "gate.yaml")
    assert math.isclose(limits.load(revision(gate__yaml=(ROOT / "gate.yaml").read_text(encoding="utf-8"))).level, 0.05)
