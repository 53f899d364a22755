"""The attack that knows the detector breaks what only looks like a defence, and keeps to its ball."""

from collections.abc import Callable

import numpy as np
import pytest
from support.evaluations import EPS, crafted, dense, digits, under

from robust_digits.arrays.perturbation import sizes
from robust_digits.attack.target import Images, Target
from robust_digits.detect import evasion, roc
from robust_digits.detect.detector import Detector
from robust_digits.detect.evasion import Evasion
from robust_digits.detect.settings import Evading
from robust_digits.runtime import keras, tf

pytestmark = pytest.mark.usefixtures("tensorflow")

SHAPE = (6, 6, 1)
FEW = Evading(steps=20, starts=1, weights=(1.0,))


def beside(model: keras.Model, score: Callable[[tf.Tensor], tf.Tensor]) -> Detector:
    """Return a detector with a made-up score of images."""
    return Detector(lambda images: (model(images, training=False), score(images)), SHAPE)


def target(model: keras.Model) -> Target:
    """Return the digits, to be attacked."""
    images, labels = np.array(digits().images), digits().labels
    return Target(images, labels, images, np.arange(len(labels)), under(model).victim, 0, "evasion")


def knowing(old: Images) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return the score of a detector that knows the old set by heart, and nothing else."""
    kept = tf.constant(old.reshape(len(old), -1))

    def score(images: tf.Tensor) -> tf.Tensor:
        shift = tf.reshape(images, (-1, 1, 36)) - kept
        return -tf.reduce_min(tf.reduce_sum(shift * shift, axis=2), axis=1)

    return score


def test_a_detector_that_knows_only_the_old_set_is_exposed() -> None:
    """It looks perfect on the set that was crafted; who knows it breaks the model, and less than 5% is detected."""
    model = dense()
    old = crafted(under(model)).images
    detector = beside(model, knowing(old))
    predicted, clean = detector.see(digits().images)
    right = predicted == digits().labels
    threshold = roc.threshold(clean, 0.05)
    answered, scores = detector.see(old)
    broken = right & (answered != digits().labels)
    assert broken.mean() > 0.9
    assert roc.area(clean, scores[broken]) == 1
    assert (scores[broken] > threshold).all()

    answered, scores = detector.see(Evasion(detector).attack(target(model), FEW, starts=[]))
    broken = right & (answered != digits().labels)
    assert broken.mean() > 0.9
    assert (scores[broken] > threshold).mean() < 0.05


@pytest.mark.parametrize("bright", [1.0, -1.0])
def test_of_all_ways_the_one_that_evades_best_is_kept(bright: float) -> None:
    """Whichever way a score of all pixels points, it falls while the model is misled, and all stays in the ball."""
    model = dense()
    detector = beside(model, lambda images: bright * tf.reduce_mean(images, axis=[1, 2, 3]))
    at = target(model)
    found = Evasion(detector).attack(at, FEW, starts=[])
    assert sizes(found - at.images, norm="inf").max() <= EPS + 1e-6
    assert found.min() >= 0
    predicted, scores = detector.see(found)
    _, clean = detector.see(at.images)
    fell = predicted != at.labels
    assert fell.all()
    assert (scores < clean).all()  # two rows of six may have to move against it, the other four need not


def test_a_weak_way_spoils_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """From one more start the attack finds no less; with steps of no length it finds next to nothing."""
    model = dense()
    detector, at = beside(model, lambda images: tf.reduce_mean(images, axis=[1, 2, 3])), target(model)
    alone = detector.see(Evasion(detector).attack(at, FEW, starts=[]))[1]
    also = detector.see(Evasion(detector).attack(at, FEW, starts=[np.array(at.images)]))[1]
    assert (also <= alone).all()
    monkeypatch.setattr(evasion, "_FIRST", 1e-6)
    monkeypatch.setattr(evasion, "_LAST", 1e-6)
    still = Evasion(detector).attack(at, Evading(steps=1, starts=1, weights=(1.0,)), starts=[])
    assert (detector.see(still)[0] == at.labels).mean() > 0.5


def test_what_stands_comes_back_as_it_was() -> None:
    """An image that the model never gets wrong is the same afterwards."""
    model = dense(bias=(0, 0, 100))  # all are of class 2
    at = target(model)
    found = Evasion(beside(model, lambda images: tf.reduce_mean(images, axis=[1, 2, 3]))).attack(at, FEW, starts=[])
    standing = at.labels == 2
    np.testing.assert_array_equal(found[standing], at.images[standing])


def test_orthogonal_steps_leave_the_other_loss_alone() -> None:
    """Of each direction nothing is left along the other, and both keep length 1."""
    one, other = (np.random.default_rng(seed).normal(size=(4, *SHAPE)).astype(np.float32) for seed in (0, 1))
    units = [each / np.linalg.norm(each.reshape(4, -1), axis=1)[:, None, None, None] for each in (one, other)]
    left = evasion._beside(*map(tf.constant, units)).numpy()  # noqa: SLF001 (what no image shows)
    np.testing.assert_allclose((left * units[1]).sum(axis=(1, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(left.reshape(4, -1), axis=1), 1, atol=1e-6)
