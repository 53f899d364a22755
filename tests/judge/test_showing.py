"""A model is shown the test images: as they are, moved by the Fast Gradient Method, and under every attack."""

import numpy as np
import pytest
from support.linear import level
from support.mislabelled import COUNT, DISTANCE, EPS, attacks_on, crafted

from robust_digits.arrays import perturbation
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import Noise, Samples
from robust_digits.data.images import ImageSet
from robust_digits.judge import showing
from robust_digits.judge.evidence import Made
from robust_digits.judge.showing import Transferred
from robust_digits.judge.views import FGM_TRANSFER, FGM_WHITE_BOX
from robust_digits.params import Norm

pytestmark = pytest.mark.usefixtures("tensorflow")


@pytest.mark.parametrize("norm", ["inf", 1, 2])
def test_the_baseline_sees_its_own_set_twice(linear: Suite, digits: ImageSet, norm: Norm) -> None:
    """On the model that the transfer set was crafted against, the same attack crafted again is the same images."""
    transfer = crafted(linear, digits, norm=norm, eps=0.1)
    found = showing.fast_gradient(linear.model, digits, transfer, norm=norm, eps=0.1)
    one, other = found.seen[FGM_TRANSFER], found.seen[FGM_WHITE_BOX]
    np.testing.assert_array_equal(one.predictions, other.predictions)
    for seen in (one, other):
        assert seen.images is not None
        assert seen.logits is not None
        np.testing.assert_array_equal(seen.images, transfer.images[showing.shown(digits)])
        np.testing.assert_array_equal(seen.logits, linear.model.predict(transfer.images)[showing.shown(digits)])
    assert one.made == other.made == Made(norm, 0.1)
    assert found.indicators["transfer_eps"] == 0.1
    assert found.indicators["transfer_size"] == perturbation.sizes(transfer.images - digits.images, norm=norm).max()


def test_the_white_box_set_is_crafted_against_the_model_that_is_judged(digits: ImageSet) -> None:
    """A model that another one's set does not harm still falls to its own."""
    other = attacks_on(seed=1)
    own = ImageSet(digits.images, other.model.predict(digits.images).argmax(axis=1))
    harmless = ImageSet(digits.images.copy(), own.labels)
    found = showing.fast_gradient(other.model, own, harmless, norm="inf", eps=0.3)
    assert (found.seen[FGM_TRANSFER].predictions == own.labels).all()
    assert (found.seen[FGM_WHITE_BOX].predictions != own.labels).all()
    pictures = found.seen[FGM_WHITE_BOX].images
    np.testing.assert_array_equal(pictures, crafted(other, own, eps=0.3).images[showing.shown(own)])
    assert found.indicators["transfer_size"] == 0


def test_sets_of_other_attacks_say_how_large_they_are(linear: Suite, digits: ImageSet) -> None:
    """By the eps that a bound holds them to, or by the largest perturbation; a slow attack made few."""
    few = ImageSet(np.minimum(digits.images[:4] + np.float32(0.125), 1), digits.labels[:4])
    sets = {
        "noise": Transferred(crafted(linear, digits, eps=0.1), Noise(draws=3)),
        "deepfool": Transferred(few, Samples(samples=4)),
    }
    found = showing.further(linear.model, digits, sets, norm="inf", eps=0.1)
    assert list(found) == ["noise_transfer", "deepfool_transfer"]
    assert [len(view.predictions) for view in found.values()] == [COUNT, 4]
    assert found["noise_transfer"].made == Made("inf", 0.1, {"draws": 3})
    assert found["deepfool_transfer"].made == Made("inf", 0.125, {"samples": 4})
    answers = linear.model.predict(few.images).argmax(axis=1)
    np.testing.assert_array_equal(found["deepfool_transfer"].predictions, answers)


def test_a_set_beyond_its_bound_is_an_error(linear: Suite, digits: ImageSet) -> None:
    """An attack with a bound that was crafted at another eps than the parameters say is no figure."""
    sets = {"noise": Transferred(crafted(linear, digits, eps=0.1), Noise(draws=3))}
    with pytest.raises(ValueError, match=r"expected perturbations of Linf size 0\.05 at most"):
        showing.further(linear.model, digits, sets, norm="inf", eps=0.05)


def test_shown_is_the_first_image_of_each_class() -> None:
    """The pictures show one image of each class that occurs, the first, in the order of the classes."""
    whole = ImageSet(level(DISTANCE, count=COUNT)[1].images, np.array([1] * 5 + [0] * 7))
    np.testing.assert_array_equal(showing.shown(whole), [5, 0])


@pytest.mark.parametrize(("samples", "seen", "pictures"), [(4, 4, False), (5, 5, False), (6, 6, True), (99, 12, True)])
def test_a_sampled_attack_stores_what_it_saw(linear: Suite, samples: int, seen: int, *, pictures: bool) -> None:
    """An attack on the first images answers for those alone, and has pictures only if it saw all that are shown."""
    whole = ImageSet(level(DISTANCE, count=COUNT)[1].images, np.array([1] * 5 + [0] * 7))
    chosen = {"deepfool": Samples(samples=samples), "noise": Noise(draws=1)}
    found = showing.under_attack(linear, whole, whole, chosen)
    few, all_of_them = found.seen["deepfool"], found.seen["noise"]
    assert few.predictions.shape == (seen,)
    assert all_of_them.predictions.shape == (COUNT,)
    assert (few.images is not None) == (few.logits is not None) == pictures
    assert found.indicators["largest_perturbation"] <= EPS + perturbation.TOLERANCE


def test_an_image_is_pictured_as_what_broke_it(linear: Suite, digits: ImageSet) -> None:
    """Under the first attack that broke it, or under the last one that saw it; white is 255."""
    chosen, transfer = {"deepfool": Samples(samples=5), "noise": Noise(draws=1)}, crafted(linear, digits)
    found = showing.under_attack(linear, digits, transfer, chosen)
    wrong = {name: view.predictions != digits.labels[: len(view.predictions)] for name, view in found.seen.items()}
    broken = {name: np.flatnonzero(each).tolist() for name, each in wrong.items()}
    assert broken == {"deepfool": [0, 1, 2, 3, 4], "noise": [0, 1]}, "the first two are wrong in any case"
    worst = linear.attack("noise", chosen["noise"], digits, transfer.images).images
    worst[2:5] = linear.attack("deepfool", chosen["deepfool"], digits[:5], transfer.images).images[2:5]
    np.testing.assert_array_equal(found.worst, np.round(255 * worst))
    assert found.worst.dtype == np.uint8


def test_an_attack_that_has_nothing_to_attack_is_not_idle(linear: Suite, digits: ImageSet) -> None:
    """Images that are wrong anyway are left alone: only where one was right is it an attack's fault."""
    wrong = ImageSet(digits.images, 1 - linear.model.predict(digits.images).argmax(axis=1))
    chosen = {"noise": Noise(draws=1)}
    assert showing.under_attack(linear, wrong, wrong, chosen).indicators["idle_attacks"] == 0
