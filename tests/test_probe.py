"""The probe attacks the model as it is now, always in the same way, and sees a model that only fools a single step."""

import numpy as np
import pytest
from linear import case, level
from numpy.typing import NDArray

from robust_digits.data.images import ImageSet
from robust_digits.learn import networks, probe
from robust_digits.learn.probe import compiled_probe
from robust_digits.runtime import keras

pytestmark = pytest.mark.usefixtures("tensorflow")


def probed(model: keras.Model, images: ImageSet, *, eps: float, seed: int = 0) -> tuple[float, float]:
    """Return accuracy under one step and under PGD."""
    one, many = compiled_probe(model, images, eps=eps, seed=seed)()
    return float(one), float(many)


def ravine() -> tuple[keras.Model, ImageSet]:
    """Return images of one grey pixel, and a model that is wrong in a narrow ravine which one step of 0.2 leaps over.

    It answers class 0, which is right, but where the pixel is within 0.07 of 0.6; the images lie near 0.5.
    """
    model = keras.Sequential(
        [
            keras.layers.Input((1, 1, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="relu"),
            keras.layers.Dense(2),
        ]
    )
    distance = [np.array([[1.0, -1.0]]), np.array([-0.6, 0.6])]  # to 0.6, from above and from below
    model.set_weights([*distance, np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0.0, 0.07])])
    pixels = np.linspace(0.49, 0.51, 8, dtype=np.float32).reshape(8, 1, 1, 1)
    return model, ImageSet(pixels, np.zeros(8, np.int64))


@pytest.mark.parametrize(("factor", "standing"), [(0.98, 1.0), (1.02, 0.0)])
@pytest.mark.parametrize("seed", range(3))
def test_the_smallest_perturbation_of_a_linear_model(factor: float, standing: float, seed: int) -> None:
    """Images stand in a box just smaller than their distance to the boundary, and fall in one just larger."""
    assert probed(*level(0.05, seed), eps=0.05 * factor, seed=seed) == (standing, standing)


def test_at_eps_zero_it_is_clean_accuracy() -> None:
    """With no room to move, both accuracies are the clean one."""
    model, images, _ = case(count=10)
    labels = images.labels.copy()
    labels[:3] = 1 - labels[:3]
    assert probed(model, ImageSet(images.images, labels), eps=0.0) == pytest.approx((0.7, 0.7))


def test_many_steps_see_what_one_step_leaps_over() -> None:
    """A model that is wrong close by and right where a single step lands looks perfect to it, and falls to PGD."""
    assert probed(*ravine(), eps=0.2) == (1.0, 0.0)


def test_it_asks_the_first_images_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """However large the validation set, the probe stays as quick: the images beyond the first do not count."""
    monkeypatch.setattr(probe, "PROBED", 4)
    model, images = level(0.05)
    labels = np.where(np.arange(6) < 4, images.labels, 1 - images.labels)
    assert probed(model, ImageSet(images.images, labels), eps=0.01) == (1.0, 1.0)
    assert probed(model, ImageSet(images.images, 1 - labels), eps=0.01) == (0.0, 0.0)


def test_small_sets_are_probed_whole() -> None:
    """A validation set of fewer images than the probe asks for is asked as it is, though it be a single image."""
    model, images = level(0.05)
    assert probed(model, images[:1], eps=0.06) == (0.0, 0.0)


def test_it_follows_the_weights() -> None:
    """One compiled probe tells of the model as it is when asked, and changes nothing of it."""
    model, images = level(0.05)
    ask = compiled_probe(model, images, eps=0.01, seed=0)
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
    ask = compiled_probe(model, whole, eps=0.03, seed=0)
    first = [float(found) for found in ask()]
    assert all(0 < found < 1 for found in first)
    assert [float(found) for found in ask()] == first
    assert list(probed(model, whole, eps=0.03)) == first


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_every_legal_seed_will_do(seed: int) -> None:
    """The largest seed that params.yaml may hold is as good as any."""
    assert probed(*level(0.05), eps=0.01, seed=seed) == (1.0, 1.0)
