"""An evaluation shows one model the test images in every view, and keeps what it answered."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.mislabelled import COUNT, DISTANCE, EPS, attacks_on, crafted, mislabelled

from robust_digits.arrays import scratch
from robust_digits.attack import attacks, table
from robust_digits.attack.blocks import ROWS
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import Ensemble, Noise, Plain, Queries, Restarts, Samples, Steps
from robust_digits.attack.target import Target
from robust_digits.data import images
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.judge import evaluation, evidence
from robust_digits.judge.evidence import Evidence, Made
from robust_digits.judge.settings import Curve
from robust_digits.judge.showing import Transferred
from robust_digits.judge.views import CERTIFIED, CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, WORST_CASE
from robust_digits.params import Norm, Section

pytestmark = pytest.mark.usefixtures("tensorflow")

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


CURVE = Curve(samples=6, steps=3, linf=(0.0, 0.01, 0.5), l2=(0.0, 0.1))
QUICK: dict[str, Section] = {"noise": Noise(draws=1)}


def judged(
    linear: Suite,
    test: ImageSet,
    transfer: ImageSet,
    *,
    norm: Norm = "inf",
    eps: float = EPS,
    **changed: Any,  # noqa: ANN401
) -> Evidence:
    """Return the evidence of a whole evaluation, as the stage `evaluate` gathers it."""
    usual = {"attacks": ATTACKS, "curve": CURVE, "seed": 0}
    return evaluation.judge(linear, test, transfer, norm=norm, eps=eps, **{**usual, **changed})


@pytest.fixture(scope="module")
def whole(linear: Suite, digits: ImageSet) -> Evidence:
    """Return a whole evaluation."""
    return judged(linear, digits, crafted(linear, digits))


@pytest.mark.parametrize(
    "transfer",
    [
        ImageSet(np.zeros((COUNT, 4, 4, 1), np.float32), np.zeros(COUNT, np.int64)),
        ImageSet(np.zeros((COUNT - 1, 4, 4, 1), np.float32), np.zeros(COUNT - 1, np.int64)),
    ],
    ids=["labels", "count"],
)
def test_a_transfer_set_of_other_labels_is_refused(linear: Suite, digits: ImageSet, transfer: ImageSet) -> None:
    """The transfer set must have been made from these very test images, label for label."""
    with pytest.raises(InputError, match="the adversarial test set was not crafted from this test set"):
        judged(linear, digits, transfer)


@pytest.mark.parametrize("shape", [(COUNT, 4, 5, 1), (COUNT, 4, 4, 3), (COUNT, 16), (COUNT - 1, 4, 4, 1)])
def test_a_transfer_set_of_another_shape_is_refused(linear: Suite, digits: ImageSet, shape: tuple[int, ...]) -> None:
    """A transfer set of images of another shape is refused before anything is measured."""
    with pytest.raises(InputError, match="`dvc repro` makes both"):
        judged(linear, digits, ImageSet(np.zeros(shape, np.float32), digits.labels))


def test_further_sets_are_views_and_no_part_of_the_worst_case(linear: Suite, digits: ImageSet) -> None:
    """Behind the FGM sets comes what other attacks made of the first images, or of all; it breaks no image."""
    wrong = {"deepfool": Transferred(ImageSet(1 - digits.images[:4], digits.labels[:4]), Samples(samples=4))}
    found = judged(linear, digits, crafted(linear, digits), attacks=QUICK, further=wrong)
    assert list(found.predictions) == [CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, "deepfool_transfer", "noise"]
    assert found.suite() == ["noise"]
    assert len(found.right("deepfool_transfer")) == 4
    assert not found.right("deepfool_transfer")[2:].any()
    assert found.right(WORST_CASE)[2:4].all()


def test_a_further_set_of_other_images_is_refused(linear: Suite, digits: ImageSet) -> None:
    """It must have been made from the first test images, label for label, as the transfer set from all."""
    other = {"deepfool": Transferred(digits[1:5], Samples(samples=4))}
    with pytest.raises(InputError, match="the adversarial test set was not crafted from this test set"):
        judged(linear, digits, crafted(linear, digits), attacks=QUICK, further=other)


def test_evidence_is_complete(linear: Suite, digits: ImageSet, whole: Evidence) -> None:
    """Every view has its answers and its pictures, in their order; curves and indicators are all there."""
    assert list(whole.predictions) == [CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, *ATTACKS]
    assert list(whole.images) == list(whole.logits) == list(whole.predictions)
    np.testing.assert_array_equal(whole.labels, digits.labels)
    for view, predicted in whole.predictions.items():
        assert predicted.shape == (4 if view == "deepfool" else COUNT,)
        assert whole.images[view].shape == (2, 4, 4, 1)
        assert whole.images[view].dtype == np.float32
        np.testing.assert_array_equal(whole.logits[view].argmax(axis=1), predicted[whole.shown])
        answers = linear.model.predict(whole.images[view])
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
    assert {view: (each.dtype, each.shape) for view, each in whole.pictured.items()} == dict.fromkeys(
        (CLEAN, WORST_CASE), (np.dtype(np.uint8), digits.images.shape)
    )
    np.testing.assert_array_equal(whole.pictured[CLEAN], np.round(255 * digits.images))
    assert (whole.indicators["eps"], whole.indicators["transfer_eps"]) == (EPS, EPS)


def test_clean_answers_are_the_models(linear: Suite, digits: ImageSet, whole: Evidence) -> None:
    """The clean view is what the model says of the test images: ten of twelve right, none mended by an attack."""
    np.testing.assert_array_equal(whole.predictions[CLEAN], linear.model.predict(digits.images).argmax(axis=1))
    np.testing.assert_array_equal(whole.right(CLEAN), [False, False] + [True] * 10)
    for attack in whole.suite():
        assert not whole.right(attack)[:2].any()


def test_curves_and_indicators_use_the_first_images(linear: Suite, digits: ImageSet) -> None:
    """The two images that are wrong come first: of three samples, a third is right clean, and none in the end."""
    curve = Curve(samples=3, steps=3, linf=(0.0, 0.5), l2=(0.0,))
    found = judged(linear, digits, digits, attacks=QUICK, curve=curve)
    np.testing.assert_allclose(found.curves["linf"], [[0.0, 1 / 3], [0.5, 0.0]])
    np.testing.assert_allclose(found.curves["l2"], [[0.0, 1 / 3]])
    assert found.indicators["unbounded"] == 0


def test_curves_are_in_their_norms(linear: Suite, digits: ImageSet) -> None:
    """What breaks every image in L-infinity, twice the distance, is half of it in L2: weights of 16 pixels count."""
    curve = Curve(samples=COUNT, steps=3, linf=(2 * DISTANCE,), l2=(2 * DISTANCE,))
    found, _ = evaluation.curves(linear.victim, digits, curve, seed=0)
    assert not found["linf"][2 * DISTANCE].any()
    assert found["l2"][2 * DISTANCE].sum() == 10


def test_samples_beyond_the_set_are_all(linear: Suite, digits: ImageSet) -> None:
    """Asking for more samples than there are images takes them all."""
    curve = Curve(samples=1000, steps=1, linf=(0.0,), l2=(0.0,))
    found = judged(linear, digits, digits, attacks=QUICK, curve=curve)
    np.testing.assert_allclose(found.curves["linf"], [[0.0, 10 / 12]])
    np.testing.assert_allclose(found.curves["certified"], [[0.0, 10 / 12]])


def test_twice_the_effort_goes_into_what_still_stands(
    linear: Suite, digits: ImageSet, monkeypatch: pytest.MonkeyPatch
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
    found = judged(linear, digits, digits, attacks=chosen, curve=CURVE.model_copy(update={"samples": COUNT}))
    assert asked == [10, 7]
    assert found.indicators["gain_from_effort"] == 6 / COUNT


def test_no_effort_goes_into_what_is_proven(digits: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """What intervals prove is tried by one member of an ensemble, and is not asked about again."""
    asked: list[tuple[str, int]] = []

    def idle(target: Target, _: Section) -> NDArray[np.float32]:
        asked.append((target.name, len(target.images)))
        return target.images

    for name in table.ATTACKS["apgd_square"].members:
        monkeypatch.setattr(attacks, name, idle)
    chosen = {"apgd_square": Ensemble(steps=3, targets=1, queries=5)}
    judged(attacks_on(eps=0.98 * DISTANCE), digits, digits, attacks=chosen, curve=CURVE)
    assert asked == [("apgd_ce", 10)]


def test_nothing_is_gained_where_nothing_stands(linear: Suite, digits: ImageSet) -> None:
    """An attack that broke every image is not run again."""
    found = judged(linear, digits, digits, attacks={"pgd": Restarts(steps=3, restarts=1)})
    assert found.indicators["gain_from_effort"] == 0


def test_same_seed_same_bytes(linear: Suite, digits: ImageSet, whole: Evidence, tmp_path: Path) -> None:
    """Two evaluations of the same model leave the same bytes, though attacks draw random numbers.

    So do read-only memory maps in the place of arrays, and they stay as they are.
    """
    for name, images_of in (("test", digits), ("transfer", crafted(linear, digits))):
        images.save(tmp_path / name, [images_of], count=COUNT)
    mapped = judged(linear, images.load(tmp_path / "test"), images.load(tmp_path / "transfer"))
    for name, found in (("one.npz", whole), ("two.npz", mapped)):
        evidence.save(tmp_path / name, found)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    np.testing.assert_array_equal(images.load(tmp_path / "test").images, digits.images)


def test_where_arrays_lie_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In memory, or on disk and a few rows at a time, the evidence is the same.

    Of attacks that see some images only too, that draw for a whole block, and whose images are put back.
    """
    test = ImageSet(*(np.concatenate([each] * 30) for each in (mislabelled().images, mislabelled().labels)))
    assert len(test) > 2 * ROWS
    chosen: dict[str, Section] = {"noise": Noise(draws=1), "bim": Steps(steps=2), "deepfool": Samples(samples=200)}
    chosen["apgd_square"] = Ensemble(steps=3, targets=1, queries=5)
    monkeypatch.chdir(tmp_path)
    for name, large, chunk in (("memory", 2**26, 2**24), ("disk", 1, 2**10)):
        monkeypatch.setattr(scratch, "_LARGE", large)
        monkeypatch.setattr(scratch, "_CHUNK", chunk)
        found = judged(attacks_on(eps=EPS), test, test, attacks=chosen, curve=CURVE)
        assert isinstance(found.pictured[WORST_CASE], np.memmap) == (name == "disk")
        evidence.save(tmp_path / name, found)
    assert (tmp_path / "memory").read_bytes() == (tmp_path / "disk").read_bytes()
