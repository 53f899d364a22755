"""Projected gradient descent finds the smallest perturbation of a linear model, and does what ART's own classes do."""

import numpy as np
import pytest
from numpy.typing import NDArray
from support.linear import gradient, level

from robust_digits.attack import pgd
from robust_digits.attack.classifier import Classifier, evasion
from robust_digits.attack.perturbation import sizes
from robust_digits.data.images import ImageSet
from robust_digits.learn import networks
from robust_digits.runtime import keras

pytestmark = pytest.mark.usefixtures("tensorflow")

NORMS: list[str | int] = ["inf", 2]
ORDER = {"inf": np.inf, 2: 2}


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """Return a network with fresh weights."""
    keras.utils.set_random_seed(0)
    return Classifier(networks.build("one_convolution", shape=(12, 12, 1), classes=5))


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """Return noise, with pixels that are exactly 0 and 1 in it."""
    pixels = np.random.default_rng(0).uniform(-0.5, 1.5, (20, 12, 12, 1)).clip(0, 1).astype(np.float32)
    return ImageSet(pixels, np.arange(20) % 5)


def ascend(
    classifier: Classifier,
    images: ImageSet,
    *,
    norm: str | int = "inf",
    eps: float = 0.3,
    steps: int = 10,
    random_start: bool = True,
) -> NDArray[np.float32]:
    """Return the result of the attack, with numpy's global generator at the same place each time."""
    np.random.seed(7)  # noqa: NPY002 (where ART draws from)
    return pgd.ascend(
        classifier,
        images.images,
        images.labels,
        norm=norm,
        eps=eps,
        steps=steps,
        random_start=random_start,
    )


@pytest.mark.parametrize(
    ("norm", "random_start", "slack"),
    [
        ("inf", True, 0.02),
        ("inf", False, 0.02),
        (2, False, 0.02),
        (2, True, 0.05),  # 2.5 eps of steps along the sphere turn 125 degrees into 18, whose cosine is 0.95
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_smallest_perturbation_on_a_linear_model(
    norm: str | int, slack: float, seed: int, *, random_start: bool
) -> None:
    """Every image flips just above its distance to the boundary, and none just below, wherever the attack starts."""
    distance = 0.05
    model, images = level(distance, seed)
    linear = Classifier(model)
    if norm == 2:
        distance *= float(np.abs(gradient(seed)).sum() / np.linalg.norm(gradient(seed)))
    for factor, flips in ((0.98, False), (1 + slack, True)):
        eps = distance * factor
        found = ascend(linear, images, norm=norm, eps=eps, steps=40, random_start=random_start)
        assert ((linear.predict(found).argmax(axis=1) != images.labels) == flips).all()
        assert sizes(found - images.images, norm=norm) == pytest.approx(eps, rel=1e-3)
        assert found.min() >= 0
        assert found.max() <= 1


@pytest.mark.parametrize("steps", [1, 2, 20])
@pytest.mark.parametrize("random_start", [True, False])
@pytest.mark.parametrize("norm", NORMS)
def test_within_the_ball_and_the_range(
    classifier: Classifier, images: ImageSet, norm: str | int, steps: int, *, random_start: bool
) -> None:
    """However long its steps, the attack stays within eps and [0, 1], and leaves the images it was given alone."""
    before = images.images.copy()
    found = ascend(classifier, images, norm=norm, steps=steps, random_start=random_start)
    assert found.dtype == np.float32
    assert found.shape == images.images.shape
    assert sizes(found - images.images, norm=norm).max() <= 0.3 + 1e-6
    assert found.min() >= 0
    assert found.max() <= 1
    np.testing.assert_array_equal(images.images, before)


@pytest.mark.parametrize("steps", [1, 10])
def test_without_random_start_it_is_the_basic_iterative_method(
    classifier: Classifier, images: ImageSet, steps: int
) -> None:
    """From the images themselves, in steps of 2.5 eps / steps, the bytes are those of ART's BasicIterativeMethod."""
    attack = evasion.BasicIterativeMethod(
        classifier, eps=0.3, eps_step=2.5 * 0.3 / steps, max_iter=steps, batch_size=20, verbose=False
    )
    expected = attack.generate(images.images, images.labels)
    np.testing.assert_array_equal(ascend(classifier, images, steps=steps, random_start=False), expected)


@pytest.mark.parametrize("norm", NORMS)
def test_with_random_start_it_is_arts_projected_gradient_descent(
    classifier: Classifier, images: ImageSet, norm: str | int
) -> None:
    """From a random place, the bytes are those of ART's ProjectedGradientDescent with numpy's same seed.

    In L2 that class leaves the projection to TensorFlow, which rounds another way.
    """
    attack = evasion.ProjectedGradientDescent(
        classifier,
        norm=ORDER[norm],
        eps=0.3,
        eps_step=2.5 * 0.3 / 10,
        max_iter=10,
        num_random_init=1,
        batch_size=20,
        verbose=False,
    )
    np.random.seed(7)  # noqa: NPY002 (where ART draws from)
    expected = attack.generate(images.images, images.labels)
    np.testing.assert_allclose(ascend(classifier, images, norm=norm), expected, rtol=0, atol=1e-6 if norm == 2 else 0)


def test_only_random_starts_draw(classifier: Classifier, images: ImageSet) -> None:
    """Two random starts differ; from the images themselves the attack is the same whatever numpy's generator."""
    few = images.images[:4], images.labels[:4]

    def twice(*, random_start: bool) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        first, second = (
            pgd.ascend(classifier, *few, norm="inf", eps=0.3, steps=3, random_start=random_start) for _ in range(2)
        )
        return first, second

    assert not np.array_equal(*twice(random_start=True))
    np.testing.assert_array_equal(*twice(random_start=False))


@pytest.mark.parametrize("norm", NORMS)
def test_true_labels_not_predictions(classifier: Classifier, images: ImageSet, norm: str | int) -> None:
    """The attack raises the loss for the labels it is given, also where the model predicts something else."""

    def loss(of: NDArray[np.float32]) -> NDArray[np.float64]:
        logits = classifier.predict(of).astype(np.float64)
        true = logits[np.arange(len(logits)), images.labels]
        lost: NDArray[np.float64] = np.log(np.exp(logits).sum(axis=1)) - true
        return lost

    assert (classifier.predict(images.images).argmax(axis=1) != images.labels).any()
    found = ascend(classifier, images, norm=norm)
    assert (loss(found) > loss(images.images)).all()
