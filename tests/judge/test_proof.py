"""What is proven of a model: image by image, tier by tier, and over eps."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from support.linear import level
from support.mislabelled import COUNT, DISTANCE, EPS, attacks_on

from robust_digits.attack.suite import Suite
from robust_digits.certify import interval_bounds
from robust_digits.certify.linear_bounds import LinearBounds
from robust_digits.data.images import ImageSet
from robust_digits.judge import proof, showing
from robust_digits.judge.curves import Standing
from robust_digits.runtime import keras

pytestmark = pytest.mark.usefixtures("tensorflow")

STANDING = np.ones(COUNT, np.bool_)


def proven_of(suite: Suite, test: ImageSet, standing: NDArray[np.bool_], over: Standing) -> proof.Proof:
    """Return what both tiers prove."""
    return proof.prove(suite, test, standing, over, intervals=proof.by_intervals(suite, test))


def unbroken(count: int, *sizes: float) -> Standing:
    """Return that no attack has broken any of the first images at any eps."""
    return {eps: np.ones(count, np.bool_) for eps in sizes}


@pytest.mark.parametrize(("eps", "right"), [(0.98 * DISTANCE, 10), (1.02 * DISTANCE, 0)])
def test_a_linear_model_is_certified_up_to_its_distance(eps: float, right: int, digits: ImageSet) -> None:
    """At the radius of the suite exactly those images are certified that no attack can break: none of the mistakes."""
    small = attacks_on(eps=eps)
    found = proven_of(small, digits, STANDING, unbroken(COUNT, 0.0)).certified
    assert found is not None
    clean = showing.clean(small.model, digits).predictions == digits.labels
    np.testing.assert_array_equal(found, clean & (right > 0))
    assert found.sum() == right


def test_the_certified_curve_is_of_the_first_images(linear: Suite, digits: ImageSet) -> None:
    """The curve falls where the images' distance lies, on as many of the first images as the attacks' curves saw."""
    curve = proven_of(linear, digits, STANDING, unbroken(3, 0.0, 0.98 * DISTANCE, 1.02 * DISTANCE)).curve
    assert curve is not None
    np.testing.assert_allclose(curve, [[0, 1 / 3], [0.98 * DISTANCE, 1 / 3], [1.02 * DISTANCE, 0]])


Asked = list[tuple[float, list[int]]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Let intervals prove class 2 below 0.4, and linear bounds class 1 below 0.3; return what these are asked about.

    That is each eps, and the first pixels of the images.
    """
    shown: Asked = []

    def some(_: LinearBounds, few: ImageSet, *, eps: float) -> NDArray[np.bool_]:
        shown.append((eps, [round(float(pixel)) for pixel in few.images[:, 0, 0, 0]]))
        return np.asarray((few.labels == 1) & (eps < 0.3))

    monkeypatch.setattr(interval_bounds, "certified", lambda _, few, eps: (few.labels == 2) & (eps < 0.4))
    monkeypatch.setattr(LinearBounds, "certified", some)
    return shown


def numbered(labels: list[int]) -> ImageSet:
    """Return images of given classes whose first pixel is their number."""
    shaped = np.zeros((len(labels), 4, 4, 1), np.float32)
    shaped[:, 0, 0, 0] = np.arange(len(labels))
    return ImageSet(shaped, np.array(labels))


def test_linear_bounds_are_asked_about_what_is_open(linear: Suite, asked: Asked) -> None:
    """What intervals prove and what an attack broke is not asked about; how many each tier proved is told."""
    whole = numbered([2, 1, 0, 1, 2, 1])
    standing = np.array([1, 1, 1, 0, 1, 1], np.bool_)
    proven = proven_of(linear, whole, standing, {})
    assert asked == [(linear.eps, [1, 2, 5])]
    assert proven.certified is not None
    np.testing.assert_array_equal(proven.certified, [1, 1, 0, 0, 1, 1])
    assert proven.made.settings == {"intervals": 2, "linear_bounds": 2}


def test_linear_bounds_give_up(linear: Suite, asked: Asked) -> None:
    """After sixteen images in a row of which they prove none, the others stay open."""
    labels = [0] * 15 + [1] + [0] * 16 + [1]
    proven = proven_of(linear, numbered(labels), np.ones(33, np.bool_), {})
    assert [len(block) for _, block in asked] == [16, 16]
    assert proven.certified is not None
    np.testing.assert_array_equal(proven.certified, np.arange(33) == 15)


def test_another_may_ask_linear_bounds(linear: Suite, asked: Asked) -> None:
    """Who is given to ask them is asked about the same images, and its answers are what is proven."""

    class Willing:
        def certify(self, blocks: Iterable[ImageSet], *, eps: float) -> Iterator[NDArray[np.bool_]]:
            for few in blocks:
                assert (len(few), eps) == (2, linear.eps)
                yield np.array([True, False])

    intervals = np.array([1, 0, 0], np.bool_)
    found = proof.prove(linear, numbered([2, 1, 0]), STANDING[:3], {}, intervals=intervals, prover=Willing()).certified
    assert asked == []
    assert found is not None
    np.testing.assert_array_equal(found, [1, 1, 0])


def test_the_curve_asks_about_what_may_be_proven(linear: Suite, asked: Asked) -> None:
    """At each eps linear bounds are asked about what is open, was proven in the smaller ball, and no attack has broken.

    What the judged ball proves is proven in a smaller one.
    """
    over = unbroken(5, 0.0, 0.01, EPS, 0.1, 0.35, 0.5)
    for eps in (0.1, 0.35, 0.5):
        over[eps][1] = False
    standing = np.array([1, 1, 1, 1, 0], np.bool_)
    found = proven_of(linear, numbered([1, 1, 2, 0, 1]), standing, over).curve
    assert asked == [(EPS, [0, 1, 3]), (0.0, [3, 4]), (0.01, [4]), (0.1, [0]), (0.35, [0]), (0.5, [2])]
    assert found is not None
    np.testing.assert_allclose(found, [[0.0, 0.8], [0.01, 0.8], [EPS, 0.6], [0.1, 0.4], [0.35, 0.2], [0.5, 0.0]])


def test_what_cannot_be_certified_says_why(digits: ImageSet) -> None:
    """A network that no bounds can be had of leaves no verdicts and no curve, but the reason."""
    model = keras.Sequential(
        [keras.layers.Input((4, 4, 1)), keras.layers.UpSampling2D(1, name="larger"), level(DISTANCE)[0]]
    )
    proven = proven_of(Suite(model, eps=EPS, seed=0), digits, STANDING, unbroken(COUNT, 0.0))
    assert proven.certified is None
    assert proven.curve is None
    assert proven.made.settings == {"reason": "no bounds through larger (UpSampling2D)"}
