"""Evidence that was damaged is refused in one line that says how to make it anew; it never becomes a figure."""

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faults.fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.fabricated import fabricated, proven
from support.faults import tried
from support.formats import archive, npy

from robust_digits import tables
from robust_digits.data import images
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.judge import evidence, sanity, scoring
from stages import score, summarize

Arrays = dict[str, NDArray[Any]]
MEASURED = ("probabilities", "difference_on_repeat", "zero_gradients", "unbounded", "gain_from_effort")


@pytest.fixture(scope="module", autouse=True, params=["read", "mapped"])
def place(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hold all of this for arrays that are read, and for those that are mapped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "_LARGE", 1 if request.param == "mapped" else 2**40)
        yield


@cache
def intact() -> tuple[bytes, Arrays]:
    """Return an evidence file that every stage takes, and its arrays."""
    made = proven(fabricated()[1])
    made = replace(made, indicators={**made.indicators, **dict.fromkeys(MEASURED, 0.0)})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "robust.npz")
        evidence.save(path, made)
        with np.load(path) as arrays:
            return path.read_bytes(), dict(arrays)


def write(path: Path, arrays: Arrays) -> Path:
    """Write arrays as an evidence file."""
    given: dict[str, Any] = dict(arrays)
    with path.open("wb") as file:
        np.savez(file, **given)
    return path


def used(path: Path) -> None:
    """Read evidence and make of it what the stages do: figures, verdicts and checks."""
    found = evidence.load(path)
    scoring.save(found, scoring.Places(*(path.with_name(name) for name in ("a.json", "b.json", "c.csv"))))
    sanity.checks(found, control=True)


def refusal(path: Path) -> str:
    """Return what is said to be wrong with the evidence of `robust`."""
    with pytest.raises(InputError) as caught:
        used(path)
    (line,) = str(caught.value).splitlines()
    start, end = f"{path}: not the evidence of an evaluation: ", "; `dvc repro --force --single-item evaluate@robust` "
    assert line.startswith(start)
    assert line.endswith(f"{end}makes it anew")
    return line.removeprefix(start).partition(end)[0]


def test_intact_evidence_is_used(tmp_path: Path) -> None:
    """What the damages below are done to is taken as it is."""
    used(write(tmp_path / "robust.npz", intact()[1]))


def changed(name: str, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Arrays:
    """Return intact arrays but for one."""
    arrays = intact()[1]
    return arrays | {name: change(arrays[name])}


def holed(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array of which one number is none."""
    array = array.copy()
    array.flat[-1] = np.nan
    return array


DAMAGES: dict[str, tuple[Arrays, str]] = {
    "labels of another type": (
        changed("labels", lambda array: array.astype(np.float32)),
        "labels: expected int64 of shape",
    ),
    "no labels": (changed("labels", lambda array: array[:0]), "labels: expected 1 to inf numbers, got 0"),
    "negative labels": (
        changed("labels", lambda array: array - 1),
        "labels: expected numbers from 0 below inf, got -1 to 1",
    ),
    "fewer labels than answers": (
        changed("labels", lambda array: array[:5]),
        "shown: |predictions.clean: expected 5 to 5",
    ),
    "fewer answers than labels": (
        changed("predictions.clean", lambda array: array[:5]),
        r"predictions\.clean: expected 12 to 12 numbers, got 5",
    ),
    "an attack that saw more": (
        changed("predictions.pgd", lambda array: np.tile(array, 2)),
        r"predictions\.pgd: expected 1 to 12 numbers, got 24",
    ),
    "rows that are none": (
        changed("shown", lambda array: array + 10),
        "shown: expected numbers from 0 below 12, got 10 to 12",
    ),
    "fewer pictures": (
        changed("images.pgd", lambda array: array[:1]),
        r"images\.pgd: expected float32 of shape \(3, n, n, n\)",
    ),
    "pixels that are none": (changed("images.clean", holed), r"images\.clean: expected pixels in \[0, 1\]"),
    "pixels out of range": (
        changed("images.clean", lambda array: array + 1),
        r"images\.clean: expected pixels in \[0, 1\]",
    ),
    "answers of another type": (changed("logits.clean", lambda array: array > 0), r"logits\.clean: expected float32"),
    "a curve of three columns": (
        changed("curves.linf", lambda array: array[:, [0, 1, 1]]),
        r"curves\.linf: expected float64",
    ),
    "a curve with a hole": (changed("curves.linf", holed), r"curves\.linf: expected finite numbers"),
    "certified at length": (changed("certified", lambda array: array[:3]), r"certified: expected bool of shape \(12\)"),
    "a norm that is none": (
        changed("made.pgd", lambda _: np.array('{"norm": [], "eps": 0.1}')),
        r"made\.pgd: expected a norm, a finite eps and settings",
    ),
    "words for a number": (changed("indicators.eps", lambda _: np.array("much")), "could not convert string to float"),
    **{
        f"without {name}": ({key: array for key, array in intact()[1].items() if key != name}, says)
        for name, says in {
            "labels": "expected labels, got none",
            "shown": "expected shown, got none",
            "predictions.clean": r"expected predictions\.clean, got fgm_transfer, ",
            "made.pgd": "expected how each view was made, got nothing of pgd",
            "made.worst_case": "expected how each view was made, got nothing of worst_case",
            "indicators.unbounded": r"expected indicators\.unbounded, got none",
            "curves.linf": r"expected curves\.linf, got none",
        }.items()
    },
}


@pytest.mark.fault("refused")
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_evidence_is_refused(damage: str, tmp_path: Path) -> None:
    """Each array is looked at: its type, its length, its range, and that it is there."""
    arrays, says = DAMAGES[damage]
    said = refusal(write(tmp_path / "robust.npz", arrays))
    assert re.match(says, said), said


@pytest.mark.fault("refused")
@pytest.mark.parametrize("more", [-1, 1])
def test_an_array_of_another_size_than_its_header_says(more: int, tmp_path: Path) -> None:
    """What is mapped would take in what lies behind it, or leave a part out: a curve may have any number of points."""
    files = {f"{name}.npy": npy(array) for name, array in intact()[1].items()}
    curve = intact()[1]["curves.linf"]
    header = npy(np.resize(curve, (len(curve) + more, 2)))[: -(len(curve) + more) * curve.itemsize * 2]
    files["curves.linf.npy"] = header + curve.tobytes()
    (tmp_path / "robust.npz").write_bytes(archive(files))
    with pytest.raises(InputError, match=r"robust\.npz: not the evidence of an evaluation"):
        evidence.load(tmp_path / "robust.npz")


def summarized(folder: Path, test: ImageSet) -> None:
    """Summarize the evidence of one model in a folder, beside a test set."""
    for part in ("train", "test"):
        images.save(folder / part, [test], count=len(test))
        images.save(folder / part / "fgm", [test], count=len(test))
    params, out = summarize.Params(models=("robust",)), folder / "out"
    images_in = (folder / "train", folder / "test", folder)
    summarize.main(params, *images_in, folder, folder, out / "a", out / "b", "robust")


def scored(folder: Path, _: ImageSet) -> None:
    """Score the evidence of a model in a folder."""
    score.main(score.Params(), folder / "robust.npz", *(folder / "out" / name for name in "abc"))


@pytest.mark.fault("refused")
@pytest.mark.parametrize("stage", [scored, summarized])
def test_the_stages_refuse_it(stage: Callable[[Path, ImageSet], None], tmp_path: Path) -> None:
    """Scoring and summarizing look before they write anything."""
    (tmp_path / "robust.npz").write_bytes(intact()[0][:-200])
    with pytest.raises(InputError, match=r"robust\.npz: not the evidence of an evaluation: .*evaluate@robust"):
        stage(tmp_path, fabricated()[0])
    assert not (tmp_path / "out").exists()


@pytest.mark.fault("refused")
def test_evidence_on_other_images_is_not_drawn_beside_these(tmp_path: Path) -> None:
    """Pictures are of the test set: evidence on another one would show the wrong digits."""
    (tmp_path / "robust.npz").write_bytes(intact()[0])
    test = fabricated()[0]
    with pytest.raises(InputError, match="evidence on other test images than those in"):
        summarized(tmp_path, test[np.arange(len(test))[::-1]])


def flipped(content: bytes, at: int, mask: int) -> bytes:
    """Return bytes with some bits of one turned."""
    at %= len(content)
    return content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :]


BYTES = st.one_of(
    st.builds(lambda size: intact()[0][: size % len(intact()[0])], st.integers(0, 2**20)),
    st.builds(lambda at, mask: flipped(intact()[0], at, mask), st.integers(0, 2**20), st.integers(1, 255)),
)


@pytest.mark.fault("refused")
@examples(300)
@given(content=BYTES)
def test_any_bytes(content: bytes) -> None:
    """Cut anywhere, or with any byte turned, evidence is refused in one line, or still what it was."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "robust.npz")
        path.write_bytes(content)
        found, _ = tried(lambda: evidence.load(path))
        if found:
            np.testing.assert_array_equal(found.labels, intact()[1]["labels"])


DTYPES = st.sampled_from(["int8", "int64", "uint64", "float16", "float32", "float64", "bool", "complex64", "U3"])
SHAPES = st.lists(st.integers(0, 12), max_size=4).map(tuple)


@pytest.mark.fault("refused")
@examples(300)
@given(name=st.sampled_from(sorted(intact()[1])), dtype=DTYPES, shape=SHAPES, value=st.integers(-1, 3))
def test_any_array(name: str, dtype: str, shape: tuple[int, ...], value: int) -> None:
    """Whatever array stands in the place of one, it is refused in one line, or every figure can be made of it."""
    with tempfile.TemporaryDirectory() as folder:
        arrays = intact()[1] | {name: np.full(shape, value).astype(dtype)}
        path = write(Path(folder, "robust.npz"), arrays)
        if not tried(lambda: used(path))[1]:
            assert len(tables.read(Path(folder, "c.csv"))) == len(evidence.load(path).labels)
