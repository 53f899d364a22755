"""Images are distorted within the ranges given, about their centre, and by the seed alone."""

import numpy as np
import pytest
from numpy.typing import NDArray

from robust_digits.learn.distortion import distortion
from robust_digits.learn.settings import Augmentation
from robust_digits.runtime import tf

pytestmark = pytest.mark.usefixtures("tensorflow")

OFF = Augmentation(rotation=0, shift=0, shear=0, zoom=0)
RANGES = [("rotation", 30.0), ("shift", 0.2), ("shear", 30.0), ("zoom", 0.3)]
CENTRE = 10.0  # of images of 21x21 pixels


def distort(images: NDArray[np.float32], ranges: dict[str, float], *, seed: int = 0) -> NDArray[np.float32]:
    """Return images distorted by a compiled function, as in training."""
    distorted: NDArray[np.float32] = tf.function(distortion(OFF.model_copy(update=ranges), seed=seed))(images).numpy()
    return distorted


def dots(x: float, y: float, *, count: int = 40) -> NDArray[np.float32]:
    """Return dark images (count, 21, 21, 1) with a soft bright dot, `x` pixels right of the centre and `y` below."""
    down, across = np.mgrid[:21, :21] - CENTRE
    dot = np.exp(-((across - x) ** 2 + (down - y) ** 2) / 4).astype(np.float32)
    return np.repeat(dot[np.newaxis, :, :, np.newaxis], count, axis=0)


def places(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return where the dots are, x and y from the centre (n, 2)."""
    down, across = np.mgrid[:21, :21] - CENTRE
    weights = (
        images[..., 0].astype(np.float64) / images.sum(axis=(1, 2, 3), dtype=np.float64)[:, np.newaxis, np.newaxis]
    )
    return np.stack([(weights * across).sum(axis=(1, 2)), (weights * down).sum(axis=(1, 2))], axis=1)


def test_off_is_off() -> None:
    """Ranges of 0 return the very images."""
    images = tf.constant(dots(0, 0))
    assert distortion(OFF, seed=0)(images) is images


@pytest.mark.parametrize(("name", "reach"), RANGES)
def test_images_stay_images(name: str, reach: float) -> None:
    """Shape, type and range are kept, and each image is changed in its own way."""
    images = np.random.default_rng(0).random((6, 9, 7, 3), np.float32)
    distorted = distort(images, {name: reach})
    assert (distorted.shape, distorted.dtype) == (images.shape, images.dtype)
    assert 0 <= distorted.min() <= distorted.max() <= 1
    changes = np.abs(distorted - images).max(axis=(1, 2, 3))
    assert (changes > 0.01).all()
    assert len(np.unique(changes)) == len(images)


@pytest.mark.parametrize(("name", "reach"), RANGES[:1] + RANGES[2:])
def test_the_centre_stays(name: str, reach: float) -> None:
    """Rotation, shear and zoom leave the centre where it is."""
    np.testing.assert_allclose(places(distort(dots(0, 0), {name: reach})), 0, atol=0.05)


def test_rotation_turns_up_to_its_angle() -> None:
    """A dot beside the centre moves along its circle, up to 30 degrees either way."""
    found = places(distort(dots(6, 0), {"rotation": 30.0}))
    angles = np.degrees(np.arctan2(found[:, 1], found[:, 0]))
    np.testing.assert_allclose(np.hypot(*found.T), 6, atol=0.1)
    assert np.abs(angles).max() <= 30.5
    assert angles.min() < -20
    assert angles.max() > 20


def test_shift_moves_up_to_its_share() -> None:
    """Both places change by themselves, up to a fifth of 21 pixels."""
    found = places(distort(dots(0, 0), {"shift": 0.2}))
    assert 3 < np.abs(found).max() <= 4.25
    assert abs(np.corrcoef(found.T)[0, 1]) < 0.5


def test_zoom_scales_either_side() -> None:
    """A dot comes nearer to the centre or goes farther from it, by 1 / 1.3 to 1 / 0.7 of its distance."""
    found = places(distort(dots(5, 5), {"zoom": 0.3})) / 5
    assert found.min() == pytest.approx(1 / 1.3, abs=0.08)
    assert found.max() == pytest.approx(1 / 0.7, abs=0.2)
    assert abs(np.corrcoef(found.T)[0, 1]) < 0.5


def test_shear_slants() -> None:
    """A dot beside the centre stays, one above it is moved sideways, up to about the sine of the angle."""
    np.testing.assert_allclose(places(distort(dots(6, 0), {"shear": 30.0})), [[6, 0]] * 40, atol=0.1)
    found = places(distort(dots(0, -6), {"shear": 30.0}))
    assert np.abs(found[:, 0]).max() == pytest.approx(6 * np.tan(np.radians(30)), abs=0.5)


def test_the_seed_decides() -> None:
    """The same seed gives the same bits, another seed others, and no batch is distorted like the one before."""
    images, ranges = dots(3, 3), {"rotation": 20.0, "shift": 0.1, "shear": 10.0, "zoom": 0.2}
    np.testing.assert_array_equal(distort(images, ranges), distort(images, ranges))
    assert not np.array_equal(distort(images, ranges), distort(images, ranges, seed=1))
    again = tf.function(distortion(OFF.model_copy(update=ranges), seed=0))
    assert not np.array_equal(again(images), again(images))
