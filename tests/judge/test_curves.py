"""On a linear model accuracy over eps falls where the formula says; a broken attack is shown as it is."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.linear import gradient, level

from robust_digits.attack.ascent import Ascent, Trail
from robust_digits.attack.target import Victim
from robust_digits.data.images import ImageSet
from robust_digits.judge.curves import SecurityCurve, shares

pytestmark = pytest.mark.usefixtures("tensorflow")

NEAR, FAR = 0.03, 0.06  # from the boundary, in L-infinity


@pytest.fixture(scope="module")
def victim() -> Victim:
    """Return the linear model under attack, compiled once."""
    return Victim(level(NEAR)[0], norm="inf", eps=NEAR)


@pytest.fixture
def images() -> ImageSet:
    """Return images that the linear model gets right, six near the boundary and six far from it."""
    near, far = level(NEAR)[1], level(FAR)[1]
    return ImageSet(np.concatenate([near.images, far.images]), np.concatenate([near.labels, far.labels]))


def measured(
    victim: Victim,
    images: ImageSet,
    sizes: Sequence[float],
    *,
    norm: str | int = "inf",
    steps: int = 3,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return accuracy over eps."""
    return shares(SecurityCurve(victim, norm=norm, steps=steps, seed=seed).measure(images, sizes))


@pytest.mark.parametrize(("norm", "dual"), [("inf", 1), (2, 2)])
def test_curve_falls_where_the_formula_says(norm: str | int, dual: int, victim: Victim, images: ImageSet) -> None:
    """Just below |f| over the dual norm of the weights the attack leaves an image, just above it breaks it."""
    ratio = float(np.abs(gradient()).sum() / np.linalg.norm(gradient(), ord=dual))
    near, far = NEAR * ratio, FAR * ratio
    sizes = [0.0, 0.5 * near, 0.99 * near, 1.02 * near, 0.99 * far, 1.02 * far, 2 * far]
    found = measured(victim, images, sizes, norm=norm, steps=20)
    assert found.shape == (7, 2)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found[:, 0], sizes)
    np.testing.assert_array_equal(found[:, 1], [1, 1, 1, 0.5, 0.5, 0, 0])


def test_points_stand_in_order(victim: Victim, images: ImageSet) -> None:
    """Whatever the order asked for, the smallest ball comes first, because each climb goes on from the one before."""
    found = measured(victim, images, [0.1, 0.0, 0.045])
    np.testing.assert_array_equal(found, [[0.0, 1.0], [0.045, 0.5], [0.1, 0.0]])


def test_mistakes_stay_mistakes(victim: Victim, images: ImageSet) -> None:
    """An image that is wrong to begin with is wrong at every eps, and no attack can mend it."""
    labels = images.labels.copy()
    labels[:2] = 1 - labels[:2]
    some = ImageSet(images.images, labels)
    np.testing.assert_allclose(measured(victim, some, [0.0, 1e-6, 0.1])[:, 1], [10 / 12, 10 / 12, 0])
    none = ImageSet(images.images, 1 - images.labels)
    np.testing.assert_array_equal(measured(victim, none, [0.0, 0.1])[:, 1], [0, 0])


def test_each_climb_goes_on_from_the_smaller_ball(
    victim: Victim, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A larger ball is searched from where the smaller one was left, by what still stands, and from there alone."""
    whole, starts, ends = Ascent.auto, [], []

    def watched(*given: Any, start: NDArray[np.float32], **settings: Any) -> Trail:  # noqa: ANN401 (passed through)
        trail = whole(*given, start=start, **settings)
        starts.append(start)
        ends.append(trail.images)
        return trail

    monkeypatch.setattr(Ascent, "auto", watched)
    measured(victim, images, [0.0, 0.01, 0.045, 0.05])
    assert [len(start) for start in starts] == [12, 12, 6]
    np.testing.assert_array_equal(starts[1], ends[0])
    np.testing.assert_array_equal(starts[2], ends[1][6:])


def test_what_is_broken_in_a_ball_is_broken_in_a_larger_one(
    victim: Victim, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attack that fails at a large eps mends nothing: the larger ball holds what broke the image in the smaller."""
    whole = Ascent.auto

    def failing(*given: Any, eps: float, **settings: Any) -> Trail:  # noqa: ANN401 (passed through)
        trail = whole(*given, eps=eps, **settings)
        return trail._replace(images=given[1]) if eps > 0.05 else trail

    monkeypatch.setattr(Ascent, "auto", failing)
    np.testing.assert_array_equal(measured(victim, images, [0.0, 0.045, 0.1])[:, 1], [1, 0.5, 0.5])


def test_an_attack_that_ignores_eps_is_an_error(
    victim: Victim, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A point is measured only if the attack kept to its eps."""

    def ignoring(_: Ascent, images: NDArray[np.float32], *__: object, **___: object) -> Trail:
        nothing = np.zeros(len(images), np.float32)
        return Trail(images + np.float32(0.1), nothing, nothing, nothing)

    monkeypatch.setattr(Ascent, "auto", ignoring)
    with pytest.raises(ValueError, match=r"expected perturbations of Linf size 0\.05 at most"):
        measured(victim, images, [0.05])


def test_same_seed_same_starts(victim: Victim, images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each image starts where the seed and its index say, whatever was drawn before and whichever images there are."""
    starts = []

    def watched(
        _: Ascent, images: NDArray[np.float32], *__: object, start: NDArray[np.float32], **___: object
    ) -> Trail:
        nothing = np.zeros(len(images), np.float32)
        starts.append(start - images)
        return Trail(images, nothing, nothing, nothing)

    monkeypatch.setattr(Ascent, "auto", watched)
    for seed, few in ((5, images), (5, images[:4]), (6, images)):
        measured(victim, few, [0.1], seed=seed)
    np.testing.assert_array_equal(starts[0][:4], starts[1])
    assert not np.array_equal(starts[0], starts[2])


def test_images_are_left_alone(victim: Victim, images: ImageSet) -> None:
    """Measuring changes neither the images nor the labels, which may be read-only."""
    images.images.flags.writeable = images.labels.flags.writeable = False
    np.testing.assert_array_equal(measured(victim, images, [0.5]), [[0.5, 0]])


def test_progress_is_for_terminals(
    victim: Victim, images: ImageSet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal sees a bar, a log file nothing."""
    measured(victim, images, [0.0])
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    measured(victim, images, [0.0], norm=2)
    assert "curve L2" in capsys.readouterr().err
