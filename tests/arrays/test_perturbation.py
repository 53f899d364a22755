"""An attack that breaks its own rules is an error."""

import numpy as np
import pytest
from numpy.typing import NDArray

from robust_digits.arrays import perturbation, scratch

CLEAN = np.full((2, 3, 3, 1), 0.5, np.float32)


def moved(by: float, *, pixels: int = 1) -> NDArray[np.float32]:
    """Return the clean images with some pixels of the second one changed."""
    images = CLEAN.copy()
    images[1].flat[:pixels] += np.float32(by)
    return images


@pytest.mark.parametrize(("norm", "size"), [("inf", 0.1), (1, 0.4), (2, 0.2)])
def test_sizes(norm: str | int, size: float) -> None:
    """Four pixels moved by 0.1 are a perturbation of L-infinity 0.1, L1 0.4 and L2 0.2."""
    np.testing.assert_allclose(perturbation.sizes(moved(0.1, pixels=4) - CLEAN, norm=norm), [0, size], atol=1e-6)


@pytest.mark.parametrize(("norm", "size"), [("inf", 0.1), (1, 0.4), (2, 0.2)])
def test_eps_is_the_limit(norm: str | int, size: float) -> None:
    """A perturbation of exactly eps passes, a thousandth more is an error that names both sizes."""
    perturbation.check(CLEAN, moved(0.1, pixels=4), norm=norm, eps=size)
    with pytest.raises(ValueError, match=rf"expected perturbations of L{norm} size {size * 0.999} at most, got {size}"):
        perturbation.check(CLEAN, moved(0.1, pixels=4), norm=norm, eps=size * 0.999)


def test_every_image_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where one at a time is in memory."""
    monkeypatch.setattr(scratch, "_CHUNK", 1)
    assert perturbation.apart(CLEAN, moved(0.1), norm="inf") == pytest.approx([0, 0.1])
    with pytest.raises(ValueError, match="expected perturbations of Linf size"):
        perturbation.check(CLEAN, moved(0.1), norm="inf", eps=0.05)
    assert perturbation.inside(CLEAN, moved(0.1), norm="inf", eps=0.05).tolist() == [True, False]


@pytest.mark.parametrize(("eps", "expected"), [(0.3, 1e-6), (1.0, 1e-6), (30.0, 3e-5)])
def test_what_float32_adds_grows_with_large_eps(eps: float, expected: float) -> None:
    """Up to 1 the allowance is a millionth, and of a larger eps as large a share; in L-infinity pixels add nothing."""
    for side in (8, 224):
        assert perturbation.rounding((side, side, 3), norm="inf", eps=eps) == pytest.approx(expected)


@pytest.mark.parametrize("norm", [1, 2])
def test_what_float32_adds_counts_pixel_by_pixel(norm: int) -> None:
    """Every pixel of a large image may be rounded away from the middle, and an image moved by eps is still inside."""
    shape = (1, 224, 224, 3)
    clean = np.full(shape, 0.5, np.float32)
    meant = 43_001 * 2.0**-25 * 1.0001  # beyond the middle between two neighbours in float32, so that all go up
    found = (clean + meant).astype(np.float32)
    eps = meant * np.prod(shape) ** (1 / norm)
    longer = float(perturbation.sizes(found - clean, norm=norm)[0]) - eps
    assert longer > 5 * perturbation.TOLERANCE
    perturbation.check(clean, found, norm=norm, eps=eps)
    assert perturbation.inside(clean, found, norm=norm, eps=eps).all()
    assert not perturbation.inside(clean, found, norm=norm, eps=eps * 0.999).any()


@pytest.mark.parametrize("by", [0.6, -0.6, np.nan, np.inf])
def test_pixels_stay_in_range(by: float) -> None:
    """A pixel outside [0, 1], or not a number, is an error whatever eps allows."""
    with pytest.raises(ValueError, match=r"expected finite adversarial pixels in \[0, 1\]"):
        perturbation.check(CLEAN, moved(by), norm="inf", eps=10)


def test_shapes_agree() -> None:
    """Images are compared one for one."""
    with pytest.raises(ValueError, match=r"expected adversarial images of shape \(2, 3, 3, 1\), got \(1, 3, 3, 1\)"):
        perturbation.check(CLEAN, CLEAN[:1], norm="inf", eps=1)
