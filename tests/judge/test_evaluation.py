"""An evaluation shows one model the test images in every view, and keeps what it answered."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.linear import level

from robust_digits import perturbation
from robust_digits.attack import attacks, fgm
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import Noise, Plain, Queries, Restarts, Samples, Steps
from robust_digits.attack.target import Target
from robust_digits.certify import interval_bounds, linear_bounds
from robust_digits.data import images
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.judge import evaluation, evidence, proof, showing
from robust_digits.judge.evidence import Evidence, Made
from robust_digits.judge.settings import Curve
from robust_digits.judge.views import CERTIFIED, CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, WORST_CASE
from robust_digits.params import Norm, Section
from robust_digits.runtime import keras

pytestmark = pytest.mark.usefixtures("tensorflow")

EPS, COUNT = 0.02, 12
DISTANCE = 0.01  # of each image from the boundary, in L-infinity
ATTACKS: dict[str, Section] = {
    "noise": Noise(draws=2),
    "transfer": Plain(),
    "fgm": Plain(),
    "bim": Steps(steps=3),
    "pgd": Restarts(steps=3, restarts=2),
    "square": Queries(queries=20),
    "deepfool": Samples(samples=4),
}
INDICATORS = {
    "eps",
    "transfer_eps",
    "transfer_size",
    "grey_bound",
    "largest_perturbation",
    "beyond_range",
    "zero_gradients",
    "probabilities",
    "difference_on_repeat",
    "unbounded",
    "gain_from_effort",
    "idle_attacks",
}


@pytest.fixture(scope="module")
def suite() -> Suite:
    """Return the attacks on the linear model, compiled once."""
    return Suite(level(DISTANCE)[0], eps=EPS, seed=0)


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    """Return test images of two classes, the first two wrongly labelled: the model is not perfect."""
    whole = level(DISTANCE, count=COUNT)[1]
    labels = whole.labels.copy()
    labels[:2] = 1 - labels[:2]
    return ImageSet(whole.images, labels)


def crafted(suite: Suite, test: ImageSet, *, norm: Norm = "inf", eps: float = EPS) -> ImageSet:
    """Return the adversarial set that the stage `craft` makes against a model."""
    parts = fgm.craft(suite.model, test, norm=norm, eps=eps, what="testing")
    return ImageSet(np.concatenate([part.images for part in parts]), test.labels)


CURVE = Curve(samples=6, steps=3, linf=(0.0, 0.01, 0.5), l2=(0.0, 0.1))
STANDING = np.ones(COUNT, np.bool_)


def judged(
    suite: Suite,
    test: ImageSet,
    transfer: ImageSet,
    *,
    norm: Norm = "inf",
    eps: float = EPS,
    **changed: Any,  # noqa: ANN401
) -> Evidence:
    """Return the evidence of a whole evaluation, as the stage `evaluate` gathers it."""
    usual = {"attacks": ATTACKS, "curve": CURVE, "seed": 0}
    return evaluation.judge(suite, test, transfer, norm=norm, eps=eps, **{**usual, **changed})


@pytest.fixture(scope="module")
def whole(suite: Suite, digits: ImageSet) -> Evidence:
    """Return a whole evaluation."""
    return judged(suite, digits, crafted(suite, digits))


@pytest.mark.parametrize(
    "transfer",
    [
        ImageSet(np.zeros((COUNT, 4, 4, 1), np.float32), np.zeros(COUNT, np.int64)),
        ImageSet(np.zeros((COUNT - 1, 4, 4, 1), np.float32), np.zeros(COUNT - 1, np.int64)),
    ],
    ids=["labels", "count"],
)
def test_a_transfer_set_of_other_labels_is_refused(suite: Suite, digits: ImageSet, transfer: ImageSet) -> None:
    """The transfer set must have been made from these very test images, label for label."""
    with pytest.raises(InputError, match="the adversarial test set was not crafted from this test set"):
        judged(suite, digits, transfer)


@pytest.mark.parametrize("shape", [(COUNT, 4, 5, 1), (COUNT, 4, 4, 3), (COUNT, 16), (COUNT - 1, 4, 4, 1)])
def test_a_transfer_set_of_another_shape_is_refused(suite: Suite, digits: ImageSet, shape: tuple[int, ...]) -> None:
    """A transfer set of images of another shape is refused before anything is measured."""
    with pytest.raises(InputError, match="`dvc repro` makes both"):
        judged(suite, digits, ImageSet(np.zeros(shape, np.float32), digits.labels))


@pytest.mark.parametrize("norm", ["inf", 1, 2])
def test_the_baseline_sees_its_own_set_twice(suite: Suite, digits: ImageSet, norm: Norm) -> None:
    """On the model that the transfer set was crafted against, the same attack crafted again is the same images."""
    transfer = crafted(suite, digits, norm=norm, eps=0.1)
    found = judged(suite, digits, transfer, norm=norm, eps=0.1, attacks={})
    np.testing.assert_array_equal(found.predictions[FGM_TRANSFER], found.predictions[FGM_WHITE_BOX])
    np.testing.assert_array_equal(found.images[FGM_TRANSFER], found.images[FGM_WHITE_BOX])
    np.testing.assert_array_equal(found.logits[FGM_TRANSFER], found.logits[FGM_WHITE_BOX])
    assert found.made[FGM_TRANSFER] == found.made[FGM_WHITE_BOX] == Made(norm, 0.1)
    assert found.indicators["transfer_eps"] == 0.1
    assert found.indicators["transfer_size"] == perturbation.sizes(transfer.images - digits.images, norm=norm).max()


def test_the_white_box_set_is_crafted_against_the_model_that_is_judged(digits: ImageSet) -> None:
    """A model that another one's set does not harm still falls to its own."""
    other = Suite(level(DISTANCE, seed=1)[0], eps=EPS, seed=0)
    own = ImageSet(digits.images, other.model.predict(digits.images).argmax(axis=1))
    harmless = ImageSet(digits.images.copy(), own.labels)
    found = judged(other, own, harmless, eps=0.3, attacks={})
    assert found.right(FGM_TRANSFER).all()
    assert not found.right(FGM_WHITE_BOX).any()
    np.testing.assert_array_equal(found.images[FGM_WHITE_BOX], crafted(other, own, eps=0.3).images[found.shown])
    assert found.indicators["transfer_size"] == 0


def test_evidence_is_complete(suite: Suite, digits: ImageSet, whole: Evidence) -> None:
    """Every view has its answers and its pictures, in their order; curves and indicators are all there."""
    assert list(whole.predictions) == [CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, *ATTACKS]
    assert list(whole.images) == list(whole.logits) == list(whole.predictions)
    np.testing.assert_array_equal(whole.labels, digits.labels)
    for view, predicted in whole.predictions.items():
        assert predicted.shape == (4 if view == "deepfool" else COUNT,)
        assert whole.images[view].shape == (2, 4, 4, 1)
        assert whole.images[view].dtype == np.float32
        np.testing.assert_array_equal(whole.logits[view].argmax(axis=1), predicted[whole.shown])
        answers = suite.model.predict(whole.images[view])
        np.testing.assert_allclose(whole.logits[view], answers, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(whole.images[CLEAN], digits.images[whole.shown])
    assert {norm: points[:, 0].tolist() for norm, points in whole.curves.items()} == {
        "linf": [0.0, 0.01, 0.5],
        "l2": [0.0, 0.1],
        "certified": [0.0, 0.01, 0.5],
    }
    assert whole.certified is not None
    assert whole.certified.shape == (COUNT,)
    assert set(whole.indicators) >= INDICATORS
    assert set(whole.made) == {*whole.predictions, WORST_CASE, CERTIFIED}
    assert whole.made["pgd"] == Made("inf", EPS, {"steps": 3, "restarts": 2})
    assert whole.made[CLEAN] == Made()
    assert {type(value) for value in whole.indicators.values()} == {float}
    assert (whole.indicators["eps"], whole.indicators["transfer_eps"]) == (EPS, EPS)


def test_clean_answers_are_the_models(suite: Suite, digits: ImageSet, whole: Evidence) -> None:
    """The clean view is what the model says of the test images: ten of twelve right, none mended by an attack."""
    np.testing.assert_array_equal(whole.predictions[CLEAN], suite.model.predict(digits.images).argmax(axis=1))
    np.testing.assert_array_equal(whole.right(CLEAN), [False, False] + [True] * 10)
    for attack in whole.suite():
        assert not whole.right(attack)[:2].any()


def test_shown_is_the_first_image_of_each_class(suite: Suite) -> None:
    """The pictures show one image of each class that occurs, the first, in the order of the classes."""
    whole = ImageSet(level(DISTANCE, count=COUNT)[1].images, np.array([1] * 5 + [0] * 7))
    np.testing.assert_array_equal(judged(suite, whole, whole, attacks={}).shown, [5, 0])


@pytest.mark.parametrize(("samples", "seen", "pictures"), [(4, 4, False), (5, 5, False), (6, 6, True), (99, 12, True)])
def test_a_sampled_attack_stores_what_it_saw(suite: Suite, samples: int, seen: int, *, pictures: bool) -> None:
    """An attack on the first images answers for those alone, and has pictures only if it saw all that are shown."""
    whole = ImageSet(level(DISTANCE, count=COUNT)[1].images, np.array([1] * 5 + [0] * 7))
    found = judged(suite, whole, whole, attacks={"deepfool": Samples(samples=samples), "noise": Noise(draws=1)})
    assert found.predictions["deepfool"].shape == (seen,)
    assert found.predictions["noise"].shape == (COUNT,)
    assert ("deepfool" in found.images) == ("deepfool" in found.logits) == pictures
    assert found.indicators["largest_perturbation"] <= EPS + perturbation.TOLERANCE


def test_an_image_is_pictured_as_what_broke_it(suite: Suite, digits: ImageSet) -> None:
    """Under the first attack that broke it, or under the last one that saw it; white is 255."""
    chosen, transfer = {"deepfool": Samples(samples=5), "noise": Noise(draws=1)}, crafted(suite, digits)
    found = judged(suite, digits, transfer, attacks=chosen)
    assert [found.fell_to(image) for image in range(6)] == [CLEAN, CLEAN, *3 * ["deepfool"], None]
    worst = suite.attack("noise", chosen["noise"], digits, transfer.images).images
    worst[2:5] = suite.attack("deepfool", chosen["deepfool"], digits[:5], transfer.images).images[2:5]
    np.testing.assert_array_equal(found.pictured[WORST_CASE], np.round(255 * worst))
    np.testing.assert_array_equal(found.pictured[CLEAN], np.round(255 * digits.images))
    assert {each.dtype for each in found.pictured.values()} == {np.dtype(np.uint8)}


def test_curves_and_indicators_use_the_first_images(suite: Suite, digits: ImageSet) -> None:
    """The two images that are wrong come first: of three samples, a third is right clean, and none in the end."""
    curve = Curve(samples=3, steps=3, linf=(0.0, 0.5), l2=(0.0,))
    found = judged(suite, digits, digits, attacks={}, curve=curve)
    np.testing.assert_allclose(found.curves["linf"], [[0.0, 1 / 3], [0.5, 0.0]])
    np.testing.assert_allclose(found.curves["l2"], [[0.0, 1 / 3]])
    assert found.indicators["unbounded"] == 0


def test_curves_are_in_their_norms(suite: Suite, digits: ImageSet) -> None:
    """What breaks every image in L-infinity, twice the distance, is half of it in L2: weights of 16 pixels count."""
    curve = Curve(samples=COUNT, steps=3, linf=(2 * DISTANCE,), l2=(2 * DISTANCE,))
    found, _ = evaluation.curves(suite.victim, digits, curve, seed=0)
    assert found["linf"][0, 1] == 0
    assert found["l2"][0, 1] == pytest.approx(10 / 12)


def test_samples_beyond_the_set_are_all(suite: Suite, digits: ImageSet) -> None:
    """Asking for more samples than there are images takes them all."""
    curve = Curve(samples=1000, steps=1, linf=(0.0,), l2=(0.0,))
    found = judged(suite, digits, digits, attacks={}, curve=curve)
    np.testing.assert_allclose(found.curves["linf"], [[0.0, 10 / 12]])
    np.testing.assert_allclose(found.curves["certified"], [[0.0, 10 / 12]])


def test_twice_the_effort_goes_into_what_still_stands(
    suite: Suite, digits: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that breaks an image a step is asked again about the seven it left, and breaks six of them."""
    asked = []

    def slow(target: Target, settings: Steps) -> NDArray[np.float32]:
        asked.append(len(target.images))
        found = target.images.copy()
        found[: settings.steps] = attacks.fgm(target, Plain())[: settings.steps]
        return found

    monkeypatch.setattr(attacks, "bim", slow)
    chosen = {"bim": Steps(steps=3)}
    found = judged(suite, digits, digits, attacks=chosen, curve=CURVE.model_copy(update={"samples": COUNT}))
    assert asked == [10, 7]
    assert found.indicators["gain_from_effort"] == 6 / COUNT


def test_nothing_is_gained_where_nothing_stands(suite: Suite, digits: ImageSet) -> None:
    """An attack that broke every image is not run again."""
    found = judged(suite, digits, digits, attacks={"pgd": Restarts(steps=3, restarts=1)})
    assert found.indicators["gain_from_effort"] == 0


@pytest.mark.parametrize(("eps", "right"), [(0.98 * DISTANCE, 10), (1.02 * DISTANCE, 0)])
def test_a_linear_model_is_certified_up_to_its_distance(eps: float, right: int, digits: ImageSet) -> None:
    """At the radius of the suite exactly those images are certified that no attack can break: none of the mistakes."""
    suite = Suite(level(DISTANCE)[0], eps=eps, seed=0)
    found = proof.prove(suite, digits, STANDING, linf=(0.0,), samples=COUNT).certified
    assert found is not None
    clean = showing.clean(suite.model, digits).predictions == digits.labels
    np.testing.assert_array_equal(found, clean & (right > 0))
    assert found.sum() == right


def test_the_certified_curve_is_of_the_first_images(suite: Suite, digits: ImageSet) -> None:
    """The curve falls where the images' distance lies, on as many of the first images as the attacks' curves saw."""
    curve = proof.prove(suite, digits, STANDING, linf=(0.0, 0.98 * DISTANCE, 1.02 * DISTANCE), samples=3).curve
    assert curve is not None
    np.testing.assert_allclose(curve, [[0, 1 / 3], [0.98 * DISTANCE, 1 / 3], [1.02 * DISTANCE, 0]])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Let intervals prove nothing, and linear bounds images of class 1; return whose first pixels they are shown."""
    shown: list[list[int]] = []

    def some(network: keras.Model, few: ImageSet, *, eps: float) -> NDArray[np.bool_]:
        del network
        shown.append([round(float(pixel)) for pixel in few.images[:, 0, 0, 0]])
        return np.asarray((few.labels == 1) & (eps < 0.3))

    monkeypatch.setattr(interval_bounds, "certified", lambda _, few, eps: (few.labels == 2) & (eps < 0.4))
    monkeypatch.setattr(linear_bounds, "certified", some)
    return shown


def numbered(labels: list[int]) -> ImageSet:
    """Return images of given classes whose first pixel is their number."""
    shaped = np.zeros((len(labels), 4, 4, 1), np.float32)
    shaped[:, 0, 0, 0] = np.arange(len(labels))
    return ImageSet(shaped, np.array(labels))


def test_linear_bounds_are_asked_about_what_is_open(suite: Suite, asked: list[list[int]]) -> None:
    """What intervals prove and what an attack broke is not asked about; how many each tier proved is told."""
    whole = numbered([2, 1, 0, 1, 2, 1])
    standing = np.array([1, 1, 1, 0, 1, 1], np.bool_)
    proven = proof.prove(suite, whole, standing, linf=(), samples=0)
    assert asked == [[1, 2, 5]]
    assert proven.certified is not None
    np.testing.assert_array_equal(proven.certified, [1, 1, 0, 0, 1, 1])
    assert proven.made.settings == {"intervals": 2, "linear_bounds": 2}


def test_linear_bounds_give_up(suite: Suite, asked: list[list[int]]) -> None:
    """After sixteen images in a row of which they prove none, the others stay open."""
    labels = [0] * 15 + [1] + [0] * 16 + [1]
    proven = proof.prove(suite, numbered(labels), np.ones(33, np.bool_), linf=(), samples=0)
    assert [len(block) for block in asked] == [16, 16]
    assert proven.certified is not None
    np.testing.assert_array_equal(proven.certified, np.arange(33) == 15)


def test_the_curve_is_that_of_intervals(suite: Suite, asked: list[list[int]]) -> None:
    """Linear bounds are asked about the judged radius alone; the points stand in the order of params.yaml."""
    found = proof.prove(suite, numbered([1, 0, 2, 1]), np.zeros(4, np.bool_), linf=(0.5, 0.1, 0.3), samples=4).curve
    assert found is not None
    assert asked == []
    np.testing.assert_allclose(found, [[0.5, 0.0], [0.1, 0.25], [0.3, 0.25]])


def test_what_cannot_be_certified_says_why(digits: ImageSet) -> None:
    """A network that no bounds can be had of leaves no verdicts and no curve, but the reason."""
    model = keras.Sequential(
        [keras.layers.Input((4, 4, 1)), keras.layers.UpSampling2D(1, name="larger"), level(DISTANCE)[0]]
    )
    proven = proof.prove(Suite(model, eps=EPS, seed=0), digits, STANDING, linf=(0.0,), samples=COUNT)
    assert proven.certified is None
    assert proven.curve is None
    assert proven.made.settings == {"reason": "no bounds through larger (UpSampling2D)"}


def test_same_seed_same_bytes(suite: Suite, digits: ImageSet, whole: Evidence, tmp_path: Path) -> None:
    """Two evaluations of the same model leave the same bytes, though attacks draw random numbers.

    So do read-only memory maps in the place of arrays, and they stay as they are.
    """
    for name, images_of in (("test", digits), ("transfer", crafted(suite, digits))):
        images.save(tmp_path / name, [images_of], count=COUNT)
    mapped = judged(suite, images.load(tmp_path / "test"), images.load(tmp_path / "transfer"))
    for name, found in (("one.npz", whole), ("two.npz", mapped)):
        evidence.save(tmp_path / name, found)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    np.testing.assert_array_equal(images.load(tmp_path / "test").images, digits.images)
