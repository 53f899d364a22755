"""Enlarging and shrinking images to one size."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_digits.data import images
from robust_digits.data.images import ImageSet
from robust_digits.data.resizing import resize, said


def random_set(count: int, *, height: int = 8, width: int = 8, channels: int = 1, seed: int = 0) -> ImageSet:
    """Return images with random pixels, and labels that number them."""
    random = np.random.default_rng(seed)
    return ImageSet(random.random((count, height, width, channels), np.float32), np.arange(count))


def test_images_of_the_right_size_are_left_alone() -> None:
    """Nothing is computed or copied where there is nothing to do."""
    whole = random_set(3)
    assert resize(whole, size=8) is whole


@pytest.mark.parametrize("size", [1, 3, 7, 9, 28])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_gets_the_size_asked_for(size: int, channels: int) -> None:
    """Images are enlarged and shrunk to squares, with as many channels as before and the same labels."""
    whole = random_set(4, channels=channels)
    resized = resize(whole, size=size)
    assert resized.images.shape == (4, size, size, channels)
    assert resized.images.dtype == np.float32
    np.testing.assert_array_equal(resized.labels, whole.labels)


@pytest.mark.parametrize(
    ("sizes", "lines"),
    [
        ({(28, 28)}, []),
        ({(32, 32)}, ["resized from 32x32 to 28x28 pixels"]),
        ({(28, 20)}, ["resized from 28x20 to 28x28 pixels"]),
        ({(28, 28), (9, 30), (100, 2)}, ["resized from 3 sizes between 100x2 and 28x28 to 28x28 pixels"]),
    ],
)
def test_what_is_resized_is_said(sizes: set[tuple[int, int]], lines: list[str]) -> None:
    """One line, width first, of many sizes those of the least and of the most pixels; none where nothing is done."""
    assert said(sizes, size=28) == lines


def test_pixels_between_two_are_on_the_line_between_them() -> None:
    """Bilinear interpolation, pixels being little squares: doubling gives 0, 1/4, 3/4 and 1 between 0 and 1."""
    whole = ImageSet(np.array([[0, 1], [0, 1]], np.float32).reshape(1, 2, 2, 1), np.array([0]))
    row = [0, 0.25, 0.75, 1]
    np.testing.assert_allclose(resize(whole, size=4).images[0, :, :, 0], [row] * 4, atol=1e-6)
    turned = ImageSet(whole.images.transpose(0, 2, 1, 3), whole.labels)
    np.testing.assert_allclose(resize(turned, size=4).images[0, :, :, 0], np.transpose([row] * 4), atol=1e-6)


def test_an_image_that_is_no_square_becomes_one() -> None:
    """Height and width are scaled each by its own factor."""
    whole = ImageSet(np.array([[0, 1]], np.float32).reshape(1, 1, 2, 1), np.array([0]))
    np.testing.assert_allclose(resize(whole, size=2).images[0, :, :, 0], [[0, 1], [0, 1]], atol=1e-6)
    assert resize(random_set(2, height=28, width=20), size=28).images.shape == (2, 28, 28, 1)


@pytest.mark.parametrize("size", [3, 13])
def test_images_and_channels_do_not_mix(size: int) -> None:
    """Each channel of each image comes out as if it were alone."""
    whole = random_set(3, channels=2)
    resized = resize(whole, size=size).images
    for image in range(3):
        for channel in range(2):
            alone = ImageSet(whole.images[image : image + 1, :, :, channel : channel + 1], np.array([0]))
            np.testing.assert_array_equal(resize(alone, size=size).images[0, ..., 0], resized[image, ..., channel])


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_pixels_stay_between_the_darkest_and_the_brightest(height: int, width: int, size: int, seed: int) -> None:
    """Interpolation makes no new extremes, and the result is a valid image set."""
    whole = random_set(2, height=height, width=width, seed=seed)
    resized = resize(whole, size=size)
    images.check(resized, where="resized")
    assert resized.images.min() >= whole.images.min() - 1e-6
    assert resized.images.max() <= whole.images.max() + 1e-6


@given(st.floats(0, 1, width=32), st.integers(1, 9), st.integers(1, 30))
def test_an_even_image_stays_even(grey: float, before: int, after: int) -> None:
    """An image of one shade keeps it, to rounding, and does not leave [0, 1] by it."""
    whole = ImageSet(np.full((1, before, before, 1), grey, np.float32), np.array([0]))
    resized = resize(whole, size=after).images
    np.testing.assert_allclose(resized, np.full_like(resized, grey), rtol=3e-7)
    images.check(ImageSet(resized, whole.labels), where="resized")


def test_a_memory_map_is_resized_like_an_array(tmp_path: Path) -> None:
    """Images that are read from disk piece by piece give the same result."""
    whole = random_set(3)
    images.save(tmp_path, [whole], count=3)
    np.testing.assert_array_equal(resize(images.load(tmp_path), size=5).images, resize(whole, size=5).images)
