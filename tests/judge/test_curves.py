"""On a linear model accuracy over eps falls where the formula says; a broken attack is shown as it is."""

import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.linear import gradient, level

from robust_digits.attack import pgd
from robust_digits.attack.classifier import Classifier
from robust_digits.data.images import ImageSet
from robust_digits.judge import curves

pytestmark = pytest.mark.usefixtures("tensorflow")

NEAR, FAR = 0.03, 0.06  # from the boundary, in L-infinity


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """Return the linear model, compiled once."""
    return Classifier(level(NEAR)[0])


@pytest.fixture
def images() -> ImageSet:
    """Return images that the linear model gets right, six near the boundary and six far from it."""
    near, far = level(NEAR)[1], level(FAR)[1]
    return ImageSet(np.concatenate([near.images, far.images]), np.concatenate([near.labels, far.labels]))


@pytest.mark.parametrize(("norm", "dual", "above"), [("inf", 1, 1.01), (2, 2, 1.15)])
def test_curve_falls_where_the_formula_says(
    norm: str | int, dual: int, above: float, classifier: Classifier, images: ImageSet
) -> None:
    """Just below |f| over the dual norm of the weights the attack leaves an image, a little above it breaks it.

    In L2 not just above: from a random start, steps of 2.5 eps together end a little short of the best place.
    """
    ratio = float(np.abs(gradient()).sum() / np.linalg.norm(gradient(), ord=dual))
    near, far = NEAR * ratio, FAR * ratio
    sizes = [0.0, 0.5 * near, 0.99 * near, above * near, 0.99 * far, above * far, 2 * far]
    found = curves.security_curve(classifier, images, norm=norm, sizes=sizes, steps=20, seed=0)
    assert found.shape == (7, 2)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found[:, 0], sizes)
    np.testing.assert_array_equal(found[:, 1], [1, 1, 1, 0.5, 0.5, 0, 0])


def test_points_stand_in_the_order_asked_for(classifier: Classifier, images: ImageSet) -> None:
    """Sizes are taken as they come, a point each."""
    found = curves.security_curve(classifier, images, norm="inf", sizes=[0.1, 0.0, 0.1], steps=3, seed=0)
    np.testing.assert_array_equal(found, [[0.1, 0.0], [0.0, 1.0], [0.1, 0.0]])


def test_mistakes_stay_mistakes(classifier: Classifier, images: ImageSet) -> None:
    """An image that is wrong to begin with is wrong at every eps, and no attack can mend it."""
    labels = images.labels.copy()
    labels[:2] = 1 - labels[:2]
    some = ImageSet(images.images, labels)
    found = curves.security_curve(classifier, some, norm="inf", sizes=[0.0, 1e-6, 0.1], steps=3, seed=0)
    np.testing.assert_allclose(found[:, 1], [10 / 12, 10 / 12, 0])
    none = ImageSet(images.images, 1 - images.labels)
    found = curves.security_curve(classifier, none, norm="inf", sizes=[0.0, 0.1], steps=3, seed=0)
    np.testing.assert_array_equal(found[:, 1], [0, 0])


def test_curve_of_a_failing_attack_rises(
    classifier: Classifier, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an attack fails at a large eps, the curve rises there: no point is corrected by its neighbours."""
    whole = pgd.ascend

    def failing(*given: Any, eps: float, **settings: Any) -> NDArray[np.float32]:  # noqa: ANN401 (passed through)
        return given[1] if eps > 0.1 else whole(*given, eps=eps, **settings)

    monkeypatch.setattr(pgd, "ascend", failing)
    found = curves.security_curve(classifier, images, norm="inf", sizes=[0.0, 0.1, 0.2], steps=3, seed=0)
    np.testing.assert_array_equal(found[:, 1], [1, 0, 1])


def test_an_attack_that_ignores_eps_is_an_error(
    classifier: Classifier, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A point is measured only if the attack kept to its eps."""
    monkeypatch.setattr(pgd, "ascend", lambda _, images, *__, **___: images + np.float32(0.1))
    with pytest.raises(ValueError, match=r"expected perturbations of Linf size 0\.05 at most"):
        curves.accuracy(classifier, images, norm="inf", eps=0.05, steps=3, seed=0)


def test_same_seed_same_numbers(classifier: Classifier, images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every point draws the same random numbers, those of its seed, whatever was drawn before."""
    drawn = []

    def drawing(_: Classifier, images: NDArray[np.float32], *__: object, **___: object) -> NDArray[np.float32]:
        drawn.append(np.random.random())  # noqa: NPY002 (where ART draws from)
        return images

    monkeypatch.setattr(pgd, "ascend", drawing)
    for seed in (5, 5, 6):
        curves.security_curve(classifier, images, norm="inf", sizes=[0.1, 0.2], steps=3, seed=seed)
    assert len(set(drawn[:4])) == 1
    assert len(set(drawn[4:])) == 1
    assert drawn[0] != drawn[4]


def test_images_are_left_alone(classifier: Classifier, images: ImageSet) -> None:
    """Measuring changes neither the images nor the labels, which may be read-only."""
    images.images.flags.writeable = images.labels.flags.writeable = False
    assert curves.accuracy(classifier, images, norm="inf", eps=0.5, steps=3, seed=0) == 0


def test_progress_is_for_terminals(
    classifier: Classifier, images: ImageSet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal sees a bar, a log file nothing."""
    curves.security_curve(classifier, images, norm="inf", sizes=[0.0], steps=3, seed=0)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    curves.security_curve(classifier, images, norm=2, sizes=[0.0], steps=3, seed=0)
    assert "curve L2" in capsys.readouterr().err
