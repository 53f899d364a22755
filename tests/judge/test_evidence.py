"""What judging a model leaves behind: saved whole, read back whole, and summed up without flattery."""

import io
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fabricated import bare, fabricated, proven

from robust_digits.errors import InputError
from robust_digits.judge import evidence
from robust_digits.judge.evidence import Evidence, Made
from robust_digits.judge.views import CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, WORST_CASE


def assert_same(first: Evidence, second: Evidence) -> None:
    """Hold two evidences against each other: every name, value and type, in the same order."""
    for field in fields(Evidence):
        one, other = getattr(first, field.name), getattr(second, field.name)
        if one is None or isinstance(one, np.ndarray):
            one, other = {field.name: one}, {field.name: other}
        assert list(one) == list(other)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name], strict=True)


def npz(**arrays: Any) -> bytes:  # noqa: ANN401 (numpy takes what can become an array)
    """Return an `.npz` file of arrays; `__` in a name stands for a point."""
    file = io.BytesIO()
    np.savez(file, **{name.replace("__", "."): values for name, values in arrays.items()})
    return file.getvalue()


def test_round_trip(tmp_path: Path) -> None:
    """What is loaded is what was saved, sampled attacks and indicators included, to the bit and in order."""
    _, found = fabricated()
    evidence.save(tmp_path / "deep" / "robust.npz", found)
    loaded = evidence.load(tmp_path / "deep" / "robust.npz")
    assert_same(loaded, found)
    assert {type(value) for value in loaded.indicators.values()} == {float}
    assert {type(value) for value in loaded.made.values()} == {Made}


def test_large_arrays_are_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read where it is looked at only is the same, to the bit, and cannot be written to."""
    _, found = fabricated()
    evidence.save(tmp_path / "robust.npz", found)
    monkeypatch.setattr(evidence, "_LARGE", 200)
    loaded = evidence.load(tmp_path / "robust.npz")
    assert_same(loaded, found)
    pictures = loaded.pictured[CLEAN]
    assert isinstance(pictures, np.memmap)
    assert not pictures.flags.writeable


def test_a_large_array_is_mapped_however_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits that lie in memory by columns come back as they were, mapped or read."""
    _, found = fabricated()
    found = replace(found, logits={name: np.asfortranarray(values) for name, values in found.logits.items()})
    evidence.save(tmp_path / "robust.npz", found)
    monkeypatch.setattr(evidence, "_LARGE", 1)
    assert_same(evidence.load(tmp_path / "robust.npz"), found)


@pytest.mark.parametrize("count", [0, 5, 12])
def test_what_is_certified_round_trips(count: int, tmp_path: Path) -> None:
    """Which images are certified, be it none or all, is saved with its curve, and read back image for image."""
    found = proven(fabricated()[1], count=count)
    evidence.save(tmp_path / "hardened.npz", found)
    loaded = evidence.load(tmp_path / "hardened.npz")
    assert_same(loaded, found)
    assert loaded.certified is not None
    assert loaded.certified.sum() == count


def test_nothing_proven_is_not_none_proven(tmp_path: Path) -> None:
    """A network that no bounds can be had of has no verdicts on it, rather than bad ones."""
    evidence.save(tmp_path / "robust.npz", fabricated()[1])
    assert evidence.load(tmp_path / "robust.npz").certified is None


def test_an_image_falls_to_the_first_view_that_has_it_wrong() -> None:
    """In the order of the worst case: clean, then the suite; an attack that did not see an image did not break it."""
    _, found = fabricated(wrong=2)
    assert [found.fell_to(image) for image in (0, 1, 2, 10, 11)] == [CLEAN, CLEAN, "pgd", "pgd", None]
    gentle = replace(found, predictions={**found.predictions, "pgd": found.predictions["noise"]})
    assert [gentle.fell_to(image) for image in (1, 2, 5, 6, 11)] == [CLEAN, "deepfool", "deepfool", None, None]


def test_a_proof_is_no_attack() -> None:
    """What is certified is no view of the test images, and changes no verdict."""
    found = fabricated()[1]
    assert proven(found).suite() == found.suite()
    assert list(proven(found).verdicts()) == list(found.verdicts())


def test_same_evidence_same_bytes(tmp_path: Path) -> None:
    """Saving twice gives the same bytes, and leaves nothing else behind."""
    for name in ("one.npz", "two.npz"):
        evidence.save(tmp_path / name, fabricated()[1])
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"one.npz", "two.npz"}


def test_no_suite_no_curves(tmp_path: Path) -> None:
    """Evidence of the tutorial's views alone is saved and read as well."""
    _, found = fabricated()
    few = replace(
        found, predictions={view: found.predictions[view] for view in (CLEAN, FGM_TRANSFER, FGM_WHITE_BOX)}, curves={}
    )
    evidence.save(tmp_path / "few.npz", few)
    assert_same(evidence.load(tmp_path / "few.npz"), few)


def test_missing_file(tmp_path: Path) -> None:
    """A missing file is named, with what makes it."""
    with pytest.raises(InputError, match=r"none\.npz: no such file; `dvc repro` or `dvc checkout` makes it"):
        evidence.load(tmp_path / "none.npz")


LABELS = {"labels": np.zeros(3, np.int64), "shown": np.zeros(1, np.int64)}
ARRAY = io.BytesIO()
np.save(ARRAY, np.zeros(3))
BROKEN = {
    "empty": b"",
    "text": b"labels, shown\n",
    "pickle": npz(**LABELS, predictions__clean=np.array([print])),
    "one array": ARRAY.getvalue(),
    "no shown": npz(labels=LABELS["labels"]),
    "no labels": npz(shown=LABELS["shown"]),
    "unknown group": npz(**LABELS, verdicts__clean=np.zeros(3)),
    "indicator of two numbers": npz(**LABELS, indicators__eps=np.zeros(2)),
    "how a view was made, as a number": npz(**LABELS, made__pgd=np.zeros(())),
    "how a view was made, as a list": npz(**LABELS, made__pgd=np.array("[1]")),
    "cut short": npz(**LABELS)[:-100],
    "one bit flipped": npz(**LABELS).replace(b"\0" * 16, b"\0" * 15 + b"\1", 1),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
@pytest.mark.fault("refused")
def test_broken_file(tmp_path: Path, content: bytes) -> None:
    """What is not evidence is refused with the name of the file, whatever is wrong with it."""
    (tmp_path / "broken.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.npz: not the evidence of an evaluation: ."):
        evidence.load(tmp_path / "broken.npz")


def test_suite_is_what_is_not_a_view_of_the_tutorial() -> None:
    """The suite is every attack, in order, without clean images and both FGM sets."""
    assert fabricated()[1].suite() == ["noise", "pgd", "deepfool"]


def test_worst_case_of_a_known_case() -> None:
    """Right in the worst case is right clean and under every attack that saw it; transferred sets do not count."""
    labels = np.arange(6)
    fell = {
        CLEAN: [1, 0, 0, 0, 0, 0],
        FGM_TRANSFER: [1, 1, 1, 1, 1, 1],
        FGM_WHITE_BOX: [1, 1, 1, 1, 1, 1],
        "bim_transfer": [1, 1, 1, 1, 1, 1],
        "pgd": [0, 1, 0, 0, 0, 0],
        "square": [0, 0, 1, 0, 0, 0],
        "deepfool": [0, 0, 0, 1],
    }
    found = bare({view: labels[: len(each)] + np.array(each) for view, each in fell.items()}, labels)
    np.testing.assert_array_equal(found.right(WORST_CASE), [False, False, False, False, True, True])
    np.testing.assert_array_equal(found.right("deepfool"), [True, True, True, False])
    np.testing.assert_array_equal(found.right(CLEAN), [False, True, True, True, True, True])


@given(st.data())
def test_worst_case_is_right_in_every_view(data: st.DataObject) -> None:
    """An image is right in the worst case if, and only if, it is right clean and under every attack that saw it."""
    count = data.draw(st.integers(1, 8))
    classes = st.integers(0, 2)
    answers = {CLEAN: data.draw(st.lists(classes, min_size=count, max_size=count))}
    for attack in data.draw(st.sets(st.sampled_from(["pgd", "square", "deepfool", "jsma"]))):
        answers[attack] = data.draw(st.lists(classes, min_size=1, max_size=count))
    labels = np.array(data.draw(st.lists(classes, min_size=count, max_size=count)))
    found = bare({view: np.array(each) for view, each in answers.items()}, labels)
    expected = [
        all(answer[row] == labels[row] for answer in answers.values() if row < len(answer)) for row in range(count)
    ]
    np.testing.assert_array_equal(found.right(WORST_CASE), expected)
    for view in answers:
        assert (found.right(WORST_CASE)[: len(found.right(view))] <= found.right(view)).all()


def test_summing_up_changes_nothing() -> None:
    """The worst case is worked out without touching the other verdicts, and stands last."""
    _, found = fabricated()
    before = found.right(CLEAN).copy()
    verdicts = found.verdicts()
    assert list(verdicts) == [*found.predictions, WORST_CASE]
    np.testing.assert_array_equal(verdicts[CLEAN], before)
    assert verdicts[WORST_CASE].sum() < before.sum()
