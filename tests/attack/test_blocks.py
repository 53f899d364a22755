"""Images are cut into blocks, and each is asked about in a row of its own, whatever the others are."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from robust_digits.attack import blocks
from robust_digits.attack.blocks import BLOCK, ROWS
from robust_digits.runtime import tf

pytestmark = pytest.mark.usefixtures("tensorflow")

Rows = NDArray[np.bool_]
Array = NDArray[Any]


def asked(
    *arrays: Array, indices: NDArray[np.int64] | None = None, at_once: int = ROWS
) -> tuple[list[Array], list[tuple[Array, ...]]]:
    """Return the answers of a function that doubles the first array and gives its rows, and all that it was handed."""
    calls: list[tuple[Array, ...]] = []

    def double(real: Rows, *given: Array) -> tuple[tf.Tensor, tf.Tensor]:
        calls.append((real, *given))
        return tf.constant(2 * given[0]), tf.range(at_once)

    return blocks.ask(double, *arrays, indices=indices, rows=at_once), calls


def pictures(count: int) -> NDArray[np.float32]:
    """Return images, all different."""
    return np.random.default_rng(0).random((count, 2, 2, 1), np.float32)


INDICES = st.lists(st.integers(0, 4 * ROWS), max_size=30, unique=True).map(lambda given: np.array(given, np.int64))


@given(INDICES, st.integers(1, 20))
def test_every_image_is_in_one_block(indices: NDArray[np.int64], size: int) -> None:
    """Blocks are of the size that was asked for at most, and no two images of one have the same row."""
    found = list(blocks.cut(indices, size=size))
    assert sorted(place for block in found for place in block) == list(range(len(indices)))
    for block in found:
        assert 0 < len(block) <= size
        assert len(set(indices[block] % ROWS)) == len(block)


def test_a_whole_set_is_cut_in_order() -> None:
    """Where all images stand, blocks are as full as batches, and follow one another without a gap."""
    found = list(blocks.cut(np.arange(2 * BLOCK + 1)))
    assert [len(block) for block in found] == [BLOCK, BLOCK, 1]
    np.testing.assert_array_equal(np.concatenate(found), np.arange(2 * BLOCK + 1))
    assert BLOCK == ROWS


def test_what_few_are_left_shares_a_block() -> None:
    """Of a few images of every page there are as many blocks as images in the fullest row, not as there are pages."""
    left = np.array([0, ROWS + 1, 2 * ROWS + 1, 3 * ROWS + 2])
    assert [block.tolist() for block in blocks.cut(left)] == [[0, 1, 3], [2]]


@pytest.mark.parametrize("count", [1, 5, ROWS - 1, ROWS, ROWS + 1, 3 * ROWS])
def test_every_question_has_one_shape(count: int) -> None:
    """The function is asked about `ROWS` rows at a time, told which are images, and answers come back in order."""
    images, labels = pictures(count), np.arange(count)
    (doubled, rows), calls = asked(images, labels)
    np.testing.assert_array_equal(doubled, 2 * images)
    np.testing.assert_array_equal(rows, labels % ROWS)
    assert len(calls) == -(-count // ROWS)
    for real, given_images, given_labels in calls:
        assert given_images.shape == (ROWS, 2, 2, 1)
        assert given_images.dtype == np.float32
        assert given_labels.dtype == np.int64
        np.testing.assert_array_equal(given_images[real], images[given_labels[real]])
    assert sum(real.sum() for real, *_ in calls) == count


@pytest.mark.parametrize("count", [0, 1, 5])
def test_images_are_asked_about_one_by_one(count: int) -> None:
    """Asked about one row at a time, every image stands alone, and nothing is padding."""
    images = pictures(count)
    (doubled, rows), calls = asked(images, indices=np.arange(count) + 7, at_once=1)
    np.testing.assert_array_equal(doubled, 2 * images, strict=True)
    np.testing.assert_array_equal(rows, np.zeros(count))
    assert [given_images.shape for _, given_images in calls] == [(1, 2, 2, 1)] * max(1, count)
    assert all(real.all() for real, _ in calls)


def test_rows_without_an_image_hold_one_of_the_others() -> None:
    """What fills a batch is an image like the others: the function meets no numbers that images cannot have."""
    images = pictures(3)
    _, [(real, given_images)] = asked(images)
    np.testing.assert_array_equal(given_images[~real], np.broadcast_to(images[:1], (ROWS - 3, 2, 2, 1)))


@given(INDICES.filter(len))
def test_an_image_stands_in_the_row_of_its_index(numbers: NDArray[np.int64]) -> None:
    """Whichever images there are and in which order, each is asked about in its own row, and answered in its place."""
    (doubled, rows), calls = asked(numbers.astype(np.float32), indices=numbers)
    np.testing.assert_array_equal(doubled, 2 * numbers)
    np.testing.assert_array_equal(rows, numbers % ROWS)
    for real, placed in calls:
        np.testing.assert_array_equal(placed[real] % ROWS, np.flatnonzero(real))
    assert len(calls) == np.bincount(numbers % ROWS).max(), "no more calls than the fullest row needs"


def test_no_images_have_no_answers() -> None:
    """Of no images nothing is said, in arrays of the shapes and types that it would be said in."""
    (doubled, rows), _ = asked(pictures(0), np.zeros(0, np.int64))
    np.testing.assert_array_equal(doubled, np.zeros((0, 2, 2, 1), np.float32), strict=True)
    np.testing.assert_array_equal(rows, np.zeros(0, np.int32), strict=True)


def test_what_is_asked_about_is_left_alone() -> None:
    """Asking about read-only arrays works, and a function that writes into its rows changes no image."""
    images = pictures(ROWS)
    before = images.copy()
    images.setflags(write=False)

    def spoil(_: Rows, given: Array) -> tuple[tf.Tensor]:
        given += 1
        return (tf.constant(given),)

    np.testing.assert_array_equal(blocks.ask(spoil, images)[0], before + 1)
    np.testing.assert_array_equal(images, before)
