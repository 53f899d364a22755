"""Splitting a set into parts with the same share of every class, and checking its classes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from robust_digits.data import images, sources, splitting
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from stages import normalize


def numbered(counts: list[int], *, seed: int = 0) -> ImageSet:
    """Return `counts[k]` images of class k in random order; the one pixel of image i is i."""
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    return ImageSet(np.arange(len(labels), dtype=np.float32).reshape(-1, 1, 1, 1), labels)


def rows(part: ImageSet) -> list[int]:
    """Return the row that each image of a part had in the whole."""
    return [int(image.item()) for image in part.images]


SPLITS = (st.lists(st.integers(2, 40), min_size=1, max_size=5), st.floats(0.02, 0.98), st.integers(0, 2**32 - 1))


@given(*SPLITS)
def test_every_image_is_in_one_part(counts: list[int], share: float, seed: int) -> None:
    """The parts are disjoint and complete, in their first order, with their labels, and as large as asked for."""
    whole = numbered(counts)
    try:
        kept, held = splitting.hold_out(whole, share=share, seed=seed, name="data.test")
    except InputError:
        assume(False)  # noqa: FBT003 (hypothesis has no name for it)
    assert sorted(rows(kept) + rows(held)) == list(range(len(whole)))
    for part in (kept, held):
        assert rows(part) == sorted(rows(part))
        np.testing.assert_array_equal(part.labels, whole.labels[rows(part)])
    assert len(held) == round(share * len(whole))


@given(*SPLITS)
def test_every_class_gives_its_share(counts: list[int], share: float, seed: int) -> None:
    """Of every class, the share held out is that of the whole, to within one image."""
    whole = numbered(counts)
    try:
        _, held = splitting.hold_out(whole, share=share, seed=seed, name="data.test")
    except InputError:
        assume(False)  # noqa: FBT003 (hypothesis has no name for it)
    expected = np.array(counts) * len(held) / len(whole)
    assert np.abs(np.bincount(held.labels, minlength=len(counts)) - expected).max() <= 1


@given(*SPLITS)
def test_every_class_is_in_both_parts(counts: list[int], share: float, seed: int) -> None:
    """A split that would leave a part without some class is refused."""
    whole = numbered(counts)
    try:
        parts = splitting.hold_out(whole, share=share, seed=seed, name="data.test")
    except InputError as error:
        assert str(error).startswith("data.test: too few images")  # noqa: PT017 (either way is right)
    else:
        assert [len(np.unique(part.labels)) for part in parts] == [len(counts)] * 2


def test_the_seed_decides() -> None:
    """The same seed holds out the same images, another seed others."""
    whole = numbered([30, 30])
    first, again, other = (
        rows(splitting.hold_out(whole, share=0.3, seed=seed, name="data.test")[1]) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("counts", "share"),
    [
        ([20, 1], 0.5),
        ([3, 3, 3], 0.2),
        ([3, 3, 3], 0.8),
        ([10, 10], 0.01),
        ([10, 10], 0.99),
        ([1], 0.5),
        ([998, 2], 0.1),
        ([98, 2], 0.95),
    ],
)
def test_too_few_images_are_refused(counts: list[int], share: float) -> None:
    """The message has the parameter that asked for the split, its value, and what there is to split."""
    with pytest.raises(InputError) as caught:
        splitting.hold_out(numbered(counts), share=share, seed=0, name="data.validation")
    assert str(caught.value) == (
        f"data.validation: too few images to hold out {share} with every class in both parts: "
        f"{sum(counts)} images of {len(counts)} classes, {min(counts)} of the rarest"
    )


@pytest.mark.parametrize(
    ("train", "test", "classes"), [([0, 1], [1], 2), ([2, 0, 1, 1], [0, 0, 2], 3), ([1, 0], [], 2)]
)
def test_classes_are_counted(train: list[int], test: list[int], classes: int) -> None:
    """Labels 0...k-1 in any order are k classes; the test images need not have them all."""
    assert splitting.check_classes(np.array(train), np.array(test, np.int64), where="here") == classes


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ([0, 0], [0], "expected labels 0...k-1, each present, k at least 2, got 0"),
        ([1, 2], [1], "expected labels 0...k-1, each present, k at least 2, got 1, 2"),
        ([0, 2], [0], "expected labels 0...k-1, each present, k at least 2, got 0, 2"),
        ([-1, 0, 1], [0], "expected labels 0...k-1, each present, k at least 2, got -1, 0, 1"),
        ([0, 1, 2], [3, 0, -1], "expected test labels in 0...2, got -1, 3"),
    ],
)
def test_impossible_labels_are_refused(train: list[int], test: list[int], message: str) -> None:
    """The message says where, what was expected and which labels were found."""
    with pytest.raises(InputError) as caught:
        splitting.check_classes(np.array(train), np.array(test), where="data/raw")
    assert str(caught.value) == f"data/raw: {message}"


def test_a_long_list_of_labels_is_cut() -> None:
    """A file whose labels are no classes does not fill the screen."""
    with pytest.raises(InputError, match=r"got 1, 2, 3, .*, 20, \.\.\.$"):
        splitting.check_classes(np.arange(1, 1000), np.array([1]), where="data/raw")


def test_noisy_copies_follow_the_set_itself() -> None:
    """The set comes first as it is; each copy has the same images and labels of its own, each class as often."""
    whole = numbered([100, 300, 600])
    first, *copies = splitting.noisy_copies(whole, copies=3, seed=0)
    assert first is whole
    assert all(rows(copy) == rows(whole) for copy in copies)
    assert len({copy.labels.tobytes() for copy in copies}) == 3
    shares = np.bincount(np.concatenate([copy.labels for copy in copies])) / 3000
    np.testing.assert_allclose(shares, 1 / 3, atol=0.04)
    assert all(copy.labels.dtype == np.int64 for copy in copies)


def test_noisy_copies_are_the_seeds() -> None:
    """The same seed draws the same labels, another one others; without copies there is the set alone."""
    whole = numbered([20, 20])
    (_, one), (_, same), (_, other) = (splitting.noisy_copies(whole, copies=1, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.labels, same.labels)
    assert (one.labels != other.labels).any()
    assert list(splitting.noisy_copies(whole, copies=0, seed=0)) == [whole]


def test_only_training_images_have_noisy_copies(tmp_path: Path) -> None:
    """`data.label_noise` makes the training set longer, behind the images and labels that it has without; no other."""
    sources.fetch("digits", tmp_path / "raw", sha256=None)
    data = {"source": "digits", "image_size": 8, "test": 0.2, "validation": 0.1}
    for name, noise in (("clean", 0), ("noisy", 2)):
        params = normalize.Params.model_validate({"seed": 0, "data": {**data, "label_noise": noise}})
        normalize.main(params, tmp_path / "raw", tmp_path / name)
    for part, copies in (("train", 2), ("validation", 0), ("test", 0)):
        clean, noisy = (images.load(tmp_path / name / part) for name in ("clean", "noisy"))
        assert len(noisy) == (1 + copies) * len(clean)
        np.testing.assert_array_equal(noisy.labels[: len(clean)], clean.labels)
        np.testing.assert_array_equal(noisy.images, np.tile(clean.images, (1 + copies, 1, 1, 1)))
