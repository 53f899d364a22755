"""The Fast Gradient Method does on a linear model what the formula says, in every norm."""

import numpy as np
import pytest
from numpy.typing import NDArray
from support.linear import case, gradient

from robust_digits.arrays.perturbation import sizes
from robust_digits.attack import fgm
from robust_digits.attack.blocks import ROWS
from robust_digits.attack.classifier import Classifier, TensorFlowV2Classifier, evasion
from robust_digits.data.images import ImageSet
from robust_digits.learn import networks
from robust_digits.runtime import keras

pytestmark = pytest.mark.usefixtures("tensorflow")

NORMS: list[str | int] = ["inf", 1, 2]
DUAL = {"inf": 1, 1: np.inf, 2: 2}


def crafted(classifier: Classifier, images: ImageSet, *, norm: str | int, eps: float) -> NDArray[np.float32]:
    """Return all adversarial images at once."""
    parts = list(fgm.craft(classifier, images, norm=norm, eps=eps, what="testing"))
    np.testing.assert_array_equal(np.concatenate([part.labels for part in parts]), images.labels)
    return np.concatenate([part.images for part in parts])


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("seed", range(3))
def test_smallest_perturbation_on_a_linear_model(norm: str | int, seed: int) -> None:
    """FGM flips an image just above its distance to the boundary, |f| / dual norm, and not just below."""
    model, images, scores = case(seed)
    classifier = Classifier(model)
    distances = np.abs(scores) / np.linalg.norm(gradient(seed), ord=DUAL[norm])
    for row, distance in enumerate(distances):
        one = images[row : row + 1]
        for factor, flips in ((0.98, False), (1.02, True)):
            adversarial = crafted(classifier, one, norm=norm, eps=float(distance * factor))
            assert (classifier.predict(adversarial).argmax() != one.labels[0]) == flips
            assert sizes(adversarial - one.images, norm=norm)[0] == pytest.approx(distance * factor, rel=1e-3)
            assert adversarial.min() >= 0
            assert adversarial.max() <= 1


@pytest.mark.parametrize("norm", NORMS)
def test_same_bytes_as_plain_art(norm: str | int) -> None:
    """Crafting through the compiled wrapper gives, byte for byte, what plain ART gives of as many images at a time."""
    keras.utils.set_random_seed(0)
    model = networks.build("one_convolution", shape=(12, 12, 1), classes=5)
    images = ImageSet(np.random.default_rng(0).random((ROWS, 12, 12, 1), np.float32), np.arange(ROWS) % 5)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, reduction="sum")
    plain = TensorFlowV2Classifier(model, nb_classes=5, input_shape=(12, 12, 1), loss_object=loss, clip_values=(0, 1))
    order = np.inf if norm == "inf" else norm
    expected = evasion.FastGradientMethod(plain, norm=order, eps=0.3, eps_step=0.3, batch_size=ROWS).generate(
        images.images, images.labels
    )
    np.testing.assert_array_equal(crafted(Classifier(model), images, norm=norm, eps=0.3), expected)


def test_a_mistake_is_not_mended() -> None:
    """An image that the model gets wrong is moved further from its true label, not back to it."""
    model, images, scores = case()
    wrong = ImageSet(images.images, 1 - images.labels)
    adversarial = crafted(Classifier(model), wrong, norm="inf", eps=0.1)
    moved = adversarial.reshape(len(images), -1).astype(np.float64) @ gradient()
    still = images.images.reshape(len(images), -1).astype(np.float64) @ gradient()
    assert ((moved - still) * np.sign(scores) > 0).all()


def test_sets_larger_than_a_batch_come_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Crafting works through a set batch by batch, and the parts together are the whole."""
    model, images, _ = case(count=10)
    whole = crafted(Classifier(model), images, norm="inf", eps=0.1)
    monkeypatch.setattr(fgm, "BATCH", 4)
    parts = list(fgm.craft(Classifier(model), images, norm="inf", eps=0.1, what="testing"))
    assert [len(part) for part in parts] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([part.images for part in parts]), whole)
