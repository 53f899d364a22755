"""Robust validation attacks the model as it is now, always in the same way, and sees one that fools a single step."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from support.linear import case, level
from support.ravine import ravine, validated

from robust_digits.data.images import ImageSet
from robust_digits.learn import networks, robust_validation
from robust_digits.learn.robust_validation import compiled_robust_validation
from robust_digits.runtime import keras, tf

pytestmark = pytest.mark.usefixtures("tensorflow")


@pytest.fixture(autouse=True)
def eagerly() -> Iterator[None]:
    """Ask about few images without compiling, which would take longer than the asking."""
    tf.config.run_functions_eagerly(True)  # noqa: FBT003 (the name says it)
    yield
    tf.config.run_functions_eagerly(False)  # noqa: FBT003


@pytest.mark.parametrize(("factor", "standing"), [(0.98, 1.0), (1.02, 0.0)])
@pytest.mark.parametrize("seed", range(3))
def test_the_smallest_perturbation_of_a_linear_model(factor: float, standing: float, seed: int) -> None:
    """Images stand in a box just smaller than their distance to the boundary, and fall in one just larger."""
    assert validated(*level(0.05, seed), eps=0.05 * factor, seed=seed) == (standing, standing)


def test_at_eps_zero_it_is_clean_accuracy() -> None:
    """With no room to move, both accuracies are the clean one."""
    model, images, _ = case(count=10)
    labels = images.labels.copy()
    labels[:3] = 1 - labels[:3]
    assert validated(model, ImageSet(images.images, labels), eps=0.0) == pytest.approx((0.7, 0.7))


def test_many_steps_see_what_one_step_leaps_over() -> None:
    """A model that is wrong close by and right where a single step lands looks perfect to it, and falls to PGD."""
    assert validated(*ravine(), eps=0.2) == (1.0, 0.0)


def test_it_asks_the_first_images_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """However large the validation set, it stays as quick: the images beyond the first do not count."""
    monkeypatch.setattr(robust_validation, "FIRST", 4)
    model, images = level(0.05)
    labels = np.where(np.arange(6) < 4, images.labels, 1 - images.labels)
    assert validated(model, ImageSet(images.images, labels), eps=0.01) == (1.0, 1.0)
    assert validated(model, ImageSet(images.images, 1 - labels), eps=0.01) == (0.0, 0.0)


def test_small_sets_are_attacked_whole() -> None:
    """A validation set of fewer images than it asks for is asked as it is, though it be a single image."""
    model, images = level(0.05)
    assert validated(model, images[:1], eps=0.06) == (0.0, 0.0)


def test_it_follows_the_weights() -> None:
    """One compiled function tells of the model as it is when asked, and changes nothing of it."""
    model, images = level(0.05)
    ask = compiled_robust_validation(model, images, eps=0.01, seed=0)
    before: list[NDArray[np.float32]] = model.get_weights()
    assert [float(found) for found in ask()] == [1.0, 1.0]
    for weight, same in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, same)
    model.set_weights([-weight for weight in before])
    assert [float(found) for found in ask()] == [0.0, 0.0]


def test_epochs_compare() -> None:
    """Asked again, of the same weights, it gives the same answer to the bit: the start is not drawn anew."""
    keras.utils.set_random_seed(0)
    model = networks.build("one_convolution", shape=(8, 8, 1), classes=4)  # with dropout, which must not show
    generator = np.random.default_rng(0)
    pixels = generator.random((200, 8, 8, 1), np.float32)
    whole = ImageSet(pixels, model(pixels).numpy().argmax(axis=1))
    ask = compiled_robust_validation(model, whole, eps=0.03, seed=0)
    first = [float(found) for found in ask()]
    assert all(0 < found < 1 for found in first)
    assert [float(found) for found in ask()] == first
    assert list(validated(model, whole, eps=0.03)) == first


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_every_legal_seed_will_do(seed: int) -> None:
    """The largest seed that params.yaml may hold is as good as any."""
    assert validated(*level(0.05), eps=0.01, seed=seed) == (1.0, 1.0)
