"""Each check goes red for the fault that it is there to find, and is green without it."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from robust_digits.attack import attacks, fgm, perturbation, pgd
from robust_digits.attack.attacks import Target
from robust_digits.attack.settings import Noise, Plain, Queries, Restarts, Samples, Steps
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import ATTACKS, Attack
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.judge import evaluation, sanity
from robust_digits.judge.evidence import Evidence
from robust_digits.judge.sanity import Check
from robust_digits.judge.settings import Curve
from robust_digits.judge.views import CLEAN, FGM_WHITE_BOX, WORST_CASE
from robust_digits.params import Section
from robust_digits.runtime import keras, tf

pytestmark = pytest.mark.usefixtures("tensorflow")

Images = NDArray[np.float32]

SIDE, CLASSES, COUNT, EPS, STEPS = 6, 3, 60, 0.2, 5
LINF = (0.0, 0.05, 0.1, 0.2, 0.5)
CHOSEN: dict[str, Section] = {
    "noise": Noise(draws=3),
    "transfer": Plain(),
    "fgm": Plain(),
    "pgd": Restarts(steps=STEPS, restarts=1),
    "pgd_margin": Restarts(steps=STEPS, restarts=1),
    "square": Queries(queries=400),
}
VERSUS = {  # checks that PGD is the stronger attack, and the weaker one of each
    "iterative_vs_single": "fgm",
    "white_box_vs_transfer": "transfer",
    "white_box_vs_noise": "noise",
    "white_box_vs_gradient_free": "square",
}
INDICATORS = {  # checks that compare one indicator with a bound, and both
    "within_eps": ("largest_perturbation", EPS + 1e-6),
    "transfer_within_eps": ("transfer_size", EPS + 1e-6),
    "within_range": ("beyond_range", 0),
    "logits": ("probabilities", 0.01),
    "deterministic": ("difference_on_repeat", 0),
    "zero_gradients": ("zero_gradients", 0.01),
    "unbounded": ("unbounded", 0.02),
    "more_effort": ("gain_from_effort", 0.02),
    "idle_attacks": ("idle_attacks", 0),
}
ALL = {*INDICATORS, *VERSUS, "gradient_free_vs_noise", "grey_bound", "monotone", "worst_case", "certified", "control"}


def digits() -> ImageSet:
    """Return 60 images in whose two brighter rows of six lies the class, faintly or clearly; one column is black.

    Faint ones fall to noise, and all of them to an attack of size 0.2.
    """
    generator = np.random.default_rng(0)
    labels = np.arange(COUNT) % CLASSES
    images = generator.uniform(0.35, 0.45, (COUNT, SIDE, SIDE, 1))
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 2] += generator.uniform(0.05, 0.3)
    images[:, :, 0] = 0
    return ImageSet(images.astype(np.float32), labels)


def dense(*, gain: float = 20, bias: Sequence[float] = (0, 0, 0)) -> keras.Model:
    """Return a model with undefended logits: `gain` times the mean of the two rows of each class."""
    layer = keras.layers.Dense(CLASSES)
    model = keras.Sequential([keras.layers.Input((SIDE, SIDE, 1)), keras.layers.Flatten(), layer])
    weights = np.zeros((SIDE, SIDE, CLASSES), np.float32)
    for label in range(CLASSES):
        weights[2 * label : 2 * label + 2, 1:, label] = gain / 10
    layer.set_weights([weights.reshape(-1, CLASSES), np.array(bias, np.float32)])
    return model


def behind(layer: Callable[[tf.Tensor], tf.Tensor]) -> keras.Model:
    """Return the model behind a layer that changes the images."""
    return keras.Sequential([keras.layers.Input((SIDE, SIDE, 1)), keras.layers.Lambda(layer), dense()])


def before(layer: Callable[[tf.Tensor], tf.Tensor]) -> keras.Model:
    """Return the model with a layer that changes its logits."""
    return keras.Sequential([dense(), keras.layers.Lambda(layer)])


def under(model: keras.Model, *, eps: float = EPS) -> Suite:
    """Return the attacks on a model."""
    return Suite(model, eps=eps, seed=0)


def crafted(suite: Suite, *, eps: float = EPS) -> ImageSet:
    """Return the digits as the stage `craft` moves them."""
    parts = fgm.craft(suite.model, digits(), norm="inf", eps=eps, what="testing")
    return ImageSet(np.concatenate([part.images for part in parts]), digits().labels)


def judged(  # the settings of the stage `evaluate`, by keyword
    suite: Suite,
    transfer: ImageSet,
    *,
    images: ImageSet | None = None,
    chosen: Mapping[str, Section] = CHOSEN,
    craft: float = EPS,
    linf: Sequence[float] = LINF,
    samples: int = COUNT,
) -> Evidence:
    """Return the evidence of a whole evaluation, as the stage `evaluate` gathers it."""
    return evaluation.judge(
        suite,
        digits() if images is None else images,
        transfer,
        norm="inf",
        eps=craft,
        attacks=chosen,
        curve=Curve(samples=samples, steps=STEPS, linf=tuple(linf), l2=(0.0, 1.0)),
        seed=0,
    )


@pytest.fixture(scope="module")
def suite() -> Suite:
    """Return working attacks on the undefended model, compiled once."""
    return under(dense())


@pytest.fixture(scope="module")
def transfer(suite: Suite) -> ImageSet:
    """Return the set crafted against the undefended model."""
    return crafted(suite)


@pytest.fixture(scope="module")
def healthy(suite: Suite, transfer: ImageSet) -> Evidence:
    """Return the evidence of an evaluation in which all is well."""
    return judged(suite, transfer)


def red(found: Evidence, *, control: bool = True) -> set[str]:
    """Return the names of the checks that fail."""
    return {name for name, check in sanity.checks(found, control=control).items() if not check.passed}


def answering(found: Evidence, **right: float) -> Evidence:
    """Return evidence in which all views are right everywhere, but for shares of the first images in some."""
    labels = found.labels
    wrong = {view: np.arange(len(labels)) >= round(right.get(view, 1.0) * len(labels)) for view in found.predictions}
    return replace(found, predictions={view: (labels + each) % CLASSES for view, each in wrong.items()})


def without(found: Evidence, views: Iterable[str]) -> Evidence:
    """Return evidence as if some attacks had not been run."""
    return replace(found, predictions={name: each for name, each in found.predictions.items() if name not in views})


def mirrored(found: Images, clean: Images) -> Images:
    """Return what an attack would have found if it had gone the other way."""
    return np.clip(2 * clean - found, 0, 1)


# --- A working evaluation -------------------------------------------------------------------------------------------


def test_a_working_evaluation_is_green(healthy: Evidence) -> None:
    """Working attacks on an undefended model pass every check, and these are all the checks."""
    table = sanity.checks(healthy, control=True)
    assert set(table) == ALL
    assert {name for name, check in table.items() if not check.passed} == set()
    assert not any(check.measured is None for check in table.values())


def test_a_robust_model_is_green(suite: Suite) -> None:
    """A model that survives part of the attacks passes, where nobody says that it has no defence."""
    small = under(suite.model.model, eps=0.05)
    found = judged(small, crafted(small, eps=0.05), craft=0.05)
    assert 0.5 < found.right(WORST_CASE).mean() < 0.9
    assert red(found, control=False) == set()


def test_only_the_control_must_fall(suite: Suite) -> None:
    """The same model is red as a control, which should have no defence, and for that alone."""
    small = under(suite.model.model, eps=0.05)
    found = judged(small, crafted(small, eps=0.05), craft=0.05)
    assert red(found) == {"control"}
    assert sanity.checks(found, control=True)["control"].measured == found.right(WORST_CASE).mean()
    assert "control" not in sanity.checks(found, control=False)


# --- Proofs ---------------------------------------------------------------------------------------------------------


def proven(found: Evidence, certified: NDArray[np.bool_] | None) -> Evidence:
    """Return evidence in which these images are certified."""
    return replace(found, certified=certified)


def test_no_attack_breaks_a_certified_image(suite: Suite) -> None:
    """In a box so small that part of the model's images are certified, working attacks and a proof agree."""
    small = under(suite.model.model, eps=0.05)
    found = judged(small, crafted(small, eps=0.05), craft=0.05)
    assert found.certified is not None
    assert 0.4 < found.certified.mean() <= found.right(WORST_CASE).mean()
    assert "certified" not in red(found)


@pytest.mark.parametrize("broken", [1, 3])
def test_a_broken_proof(broken: int, healthy: Evidence) -> None:
    """An image that is certified and falls, were it one of sixty, is red: the bounds or the attack is wrong."""
    standing = healthy.right(WORST_CASE)
    fallen = np.flatnonzero(~standing)[:broken]
    certified = standing.copy()
    certified[fallen] = True
    table = sanity.checks(proven(healthy, certified), control=False)
    assert table["certified"].measured == pytest.approx(broken / COUNT)
    assert red(proven(healthy, certified)) == {"certified"}


def test_a_certified_mistake(healthy: Evidence) -> None:
    """An image that the model gets wrong before any attack cannot be certified."""
    found = answering(healthy, clean=0.5)
    for certified, share in ((found.right(CLEAN), 0), (~found.right(CLEAN), 0.5)):
        assert sanity.checks(proven(found, certified), control=False)["certified"].measured == share


def test_what_cannot_be_certified_is_not_checked(healthy: Evidence) -> None:
    """Where no bounds can be had there is nothing to hold the attacks against, and nothing is red for it."""
    table = sanity.checks(proven(healthy, None), control=True)
    assert set(table) == ALL - {"certified"}
    assert red(proven(healthy, None)) == set()


# --- Models that attacks cannot read --------------------------------------------------------------------------------


def test_saturated_logits(transfer: ImageSet) -> None:
    """Huge logits leave the cross-entropy no gradient: said outright, and by PGD failing where nothing can survive."""
    found = judged(under(dense(gain=2e7)), transfer)
    table = sanity.checks(found, control=True)
    assert red(found) == {"zero_gradients", "grey_bound", "unbounded", "idle_attacks"}
    assert table["idle_attacks"].measured == 1, "the single step has nowhere to go"
    assert table["zero_gradients"].measured == 1
    assert table["grey_bound"].measured == pytest.approx(found.curves["linf"][-1, 1])
    assert found.right("pgd").mean() > 0.9, "the margin alone carries the white-box attacks"
    assert not found.right("pgd_margin").any()


def test_saturated_logits_without_the_margin(transfer: ImageSet) -> None:
    """With PGD on the cross-entropy alone, every attack that needs no gradient is better than it."""
    chosen = {name: settings for name, settings in CHOSEN.items() if name != "pgd_margin"}
    found = judged(under(dense(gain=2e7)), transfer, chosen=chosen)
    blind = {"white_box_vs_transfer", "white_box_vs_noise", "white_box_vs_gradient_free"}
    assert {"zero_gradients", "grey_bound", "unbounded", "idle_attacks", *blind} == red(found) - {"more_effort"}


@pytest.mark.parametrize("path", [0.0, None], ids=["a gradient of zero", "no way for a gradient"])
def test_shattered_gradients(path: float | None, transfer: ImageSet) -> None:
    """Rounded pixels have no gradient in any loss: whatever needs none is better than PGD."""

    def rounded(images: tf.Tensor) -> tf.Tensor:
        coarse = tf.round(16 * images) / 16
        return coarse if path is None else coarse + path * images

    found = judged(under(behind(rounded)), transfer)
    blind = {"white_box_vs_transfer", "white_box_vs_noise", "white_box_vs_gradient_free"}
    assert {"zero_gradients", "grey_bound", "unbounded", "idle_attacks", *blind} == red(found) - {"more_effort"}
    assert sanity.checks(found, control=True)["zero_gradients"].measured == 1


def test_gradients_that_are_not_numbers(transfer: ImageSet) -> None:
    """A gradient of NaN leads an attack nowhere, so it is no gradient."""
    found = judged(under(behind(lambda images: images + tf.sqrt(tf.nn.relu(images - 1)))), transfer)
    assert found.right(CLEAN).all(), "the model itself is as good as ever"
    assert "unbounded" in red(found), "PGD stands still"
    assert "zero_gradients" in red(found)


def test_a_model_that_answers_at_random(transfer: ImageSet) -> None:
    """A model that adds noise to its logits is not deterministic, and nothing else is wrong with it."""
    found = judged(under(before(lambda logits: logits + tf.random.normal(tf.shape(logits), stddev=0.01))), transfer)
    assert red(found) == {"deterministic"}
    measured = sanity.checks(found, control=True)["deterministic"].measured
    assert measured is not None
    assert 0 < measured < 0.2


def test_a_model_that_answers_nan(transfer: ImageSet) -> None:
    """A model whose logits are not numbers is not deterministic: NaN is no equal of itself."""
    found = judged(under(before(lambda logits: logits * np.nan)), transfer)
    assert "deterministic" in red(found)


def test_a_model_that_answers_probabilities(transfer: ImageSet) -> None:
    """Softmax outputs passed as logits are found out, and nothing else is wrong with them."""
    found = judged(under(before(tf.nn.softmax)), transfer)
    assert red(found) == {"logits"}
    assert sanity.checks(found, control=True)["logits"].measured == 1


def test_logits_that_add_up_to_one(transfer: ImageSet) -> None:
    """Logits that happen to add up to one are no probabilities if some are negative: all is well with them."""
    model = before(lambda logits: 3 * (logits - tf.reduce_mean(logits, axis=1, keepdims=True)) + 1 / CLASSES)
    assert red(judged(under(model), transfer)) == set()


def test_a_constant_model_as_control(transfer: ImageSet) -> None:
    """A model that says one class whatever it sees has a third right under every attack: no control, no gradient."""
    found = judged(under(dense(gain=0, bias=(2, 0, 0))), transfer)
    assert red(found) == {"control", "zero_gradients", "unbounded", "idle_attacks"}
    assert sanity.checks(found, control=True)["control"].measured == pytest.approx(1 / 3)


# --- Attacks that do not work ---------------------------------------------------------------------------------------


def turned(name: str) -> Callable[[Target, Any], Images]:
    """Return an attack of the table with a sign error."""
    right = getattr(attacks, name)
    return lambda target, settings: mirrored(right(target, settings), target.images)


def test_a_sign_error_in_the_suite(suite: Suite, transfer: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """PGD that descends the loss is weaker than one step, transfer, noise and Square; the curve is still right."""
    for name in ("pgd", "pgd_margin"):
        monkeypatch.setattr(f"robust_digits.attack.attacks.{name}", turned(name))
    found = judged(suite, transfer)
    assert found.right("pgd").all()
    assert red(found) == set(VERSUS)


@pytest.mark.parametrize("name", ["pgd", "pgd_margin"])
def test_a_sign_error_in_one_attack(
    name: str, suite: Suite, transfer: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a sign error in one of the two the worst case is still right, but the single step shows the weak one."""
    monkeypatch.setattr(f"robust_digits.attack.attacks.{name}", turned(name))
    found = judged(suite, transfer)
    assert found.right(name).all()
    assert red(found) == {"iterative_vs_single"}


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("noise", set()),
        ("transfer", set()),
        ("fgm", set()),
        ("pgd", {"iterative_vs_single"}),
        ("pgd_margin", {"iterative_vs_single"}),
        ("square", {"gradient_free_vs_noise"}),
    ],
)
def test_an_attack_that_does_nothing(
    name: str, others: set[str], suite: Suite, transfer: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attack that returns the images as they are is found, even where others make up for it."""
    monkeypatch.setattr(f"robust_digits.attack.attacks.{name}", lambda target, _: target.images.copy())
    assert red(judged(suite, transfer)) == {"idle_attacks", *others}


def test_a_sign_error_in_pgd_itself(suite: Suite, transfer: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the curve's attack has the error too, accuracy survives what no model can."""
    right = pgd.ascend
    monkeypatch.setattr(pgd, "ascend", lambda *given, **how: mirrored(right(*given, **how), given[1]))
    found = judged(suite, transfer)
    assert red(found) == {*VERSUS, "grey_bound", "unbounded"}
    assert found.indicators["unbounded"] == 1


def test_an_attack_that_ignores_eps_is_an_error(
    suite: Suite, transfer: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite with an attack that goes too far ends the evaluation; its number is never written."""
    monkeypatch.setattr(
        "robust_digits.attack.attacks.noise", lambda target, _: np.clip(target.images + 2 * target.eps, 0, 1)
    )
    with pytest.raises(ValueError, match=r"expected perturbations of Linf size 0\.2 at most, got 0\.4"):
        judged(suite, transfer)


@pytest.mark.parametrize(
    ("attack", "name", "measured"),
    [
        (lambda target, _: np.clip(target.images - 2 * target.eps, 0, 1), "within_eps", 0.4),
        (lambda target, _: target.images - target.eps, "within_range", 0.2),
    ],
    ids=["eps", "range"],
)
def test_bounds_are_measured_again(  # noqa: PLR0917 (pytest hands over arguments by name)
    attack: Callable[[Target, Any], Images],
    name: str,
    measured: float,
    suite: Suite,
    transfer: ImageSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the attacks' own check of their bounds were lost, the evaluation's would tell."""
    monkeypatch.setattr("robust_digits.attack.attacks.noise", attack)
    monkeypatch.setattr(perturbation, "check", lambda *_, **__: None)
    found = judged(suite, transfer)
    assert red(found) == {name}
    assert sanity.checks(found, control=True)[name].measured == pytest.approx(measured)


def test_pixels_above_one(suite: Suite, transfer: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pixel above 1 is out of range as one below 0 is."""
    high = replace(digits(), images=np.minimum(digits().images + 0.3, 1))
    monkeypatch.setattr("robust_digits.attack.attacks.noise", lambda target, _: target.images + target.eps)
    monkeypatch.setattr(perturbation, "check", lambda *_, **__: None)
    found = evaluation.under_attack(suite, high, transfer, {"noise": Noise(draws=1)}).indicators
    assert found["beyond_range"] == pytest.approx(high.images.max() + EPS - 1)
    assert found["beyond_range"] > 0.1


def test_the_transfer_set_as_it_lies_on_disk(suite: Suite) -> None:
    """A transfer set that was crafted at another size than the parameters say is found out."""
    found = judged(suite, crafted(suite, eps=0.3), craft=0.2)
    assert red(found) == {"transfer_within_eps"}
    assert sanity.checks(found, control=True)["transfer_within_eps"].measured == pytest.approx(0.3)


def crawl(images: Images, found: Images, *, steps: int) -> Images:
    """Return what an attack reaches that always steps by 0.01, as if eps were of no concern."""
    return np.clip(found, images - steps * np.float32(0.01), images + steps * np.float32(0.01))


def test_steps_that_are_too_short(
    suite: Suite, transfer: ImageSet, healthy: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attack that has not arrived gains from more steps, and is weaker than one long step."""
    whole = pgd.ascend
    monkeypatch.setattr(pgd, "ascend", lambda *given, **how: crawl(given[1], whole(*given, **how), steps=how["steps"]))
    found = judged(suite, transfer)
    expected = dict(healthy.curves["linf"])
    assert found.curves["linf"][-1, 1] == pytest.approx(expected[0.05], abs=0.05), "no further than 5 steps of 0.01"
    assert red(found) == {*VERSUS, "more_effort", "grey_bound", "unbounded"} - {"white_box_vs_noise"}
    assert found.indicators["gain_from_effort"] == pytest.approx(expected[0.05] - expected[0.1], abs=0.05)


def test_a_curve_that_rises(suite: Suite, transfer: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attack that breaks down in a part of the curve makes accuracy rise."""
    whole = pgd.ascend

    def failing(*given: Any, eps: float, **how: Any) -> Images:  # noqa: ANN401 (passed through)
        return given[1] if eps == 0.1 else whole(*given, eps=eps, **how)

    monkeypatch.setattr(pgd, "ascend", failing)
    found = judged(suite, transfer)
    assert red(found) == {"monotone"}
    assert sanity.checks(found, control=True)["monotone"].measured == 1 - found.curves["linf"][1, 1]


# --- Attacks that are new -------------------------------------------------------------------------------------------

Newcomer = Callable[[Callable[[Target, Any], Images], Attack], dict[str, Section]]


@pytest.fixture
def newcomer(monkeypatch: pytest.MonkeyPatch) -> Newcomer:
    """Return a function that adds an attack to the table, a record and its function, and returns the suite with it."""

    def add(attack: Callable[[Target, Any], Images], record: Attack) -> dict[str, Section]:
        monkeypatch.setitem(ATTACKS, "newcomer", record)
        monkeypatch.setattr(attacks, "newcomer", attack, raising=False)
        return {**CHOSEN, "newcomer": record.glance}

    return add


def test_a_new_gradient_attack_is_held_against_the_single_step(
    suite: Suite, transfer: ImageSet, newcomer: Newcomer
) -> None:
    """An iterative attack that does less than one step is found out by its record alone: no check names attacks."""
    record = Attack("Newcomer", Steps(steps=STEPS), white_box=True, iterative=True)
    chosen = newcomer(lambda target, _: target.images + np.float32(1e-4), record)
    assert red(judged(suite, transfer, chosen=chosen)) == {"iterative_vs_single"}


def test_a_new_search_is_asked_for_twice_the_effort(suite: Suite, transfer: ImageSet, newcomer: Newcomer) -> None:
    """A search that would find much more in twice the steps is found out by its record alone."""

    def lazy(target: Target, settings: Steps) -> Images:
        return attacks.fgm(target, Plain()) if settings.steps > STEPS else target.images + np.float32(1e-4)

    chosen = newcomer(lazy, Attack("Newcomer", Steps(steps=STEPS), search=True))
    assert "more_effort" in red(judged(suite, transfer, chosen=chosen))


# --- Attacks that were not run --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left_out", "unmeasured"),
    [
        (["noise"], {"white_box_vs_noise", "gradient_free_vs_noise"}),
        (["transfer"], {"white_box_vs_transfer"}),
        (["fgm"], {"iterative_vs_single"}),
        (["square"], {"white_box_vs_gradient_free", "gradient_free_vs_noise"}),
        (["pgd", "pgd_margin"], set(VERSUS)),
        (["pgd"], set()),
        (["pgd_margin"], set()),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_a_suite_without_an_attack(left_out: list[str], unmeasured: set[str], suite: Suite, transfer: ImageSet) -> None:
    """A check whose attack was not run is red and says that it was not measured; the others are as they were."""
    chosen = {name: settings for name, settings in CHOSEN.items() if name not in left_out}
    found = judged(suite, transfer, chosen=chosen)
    table = sanity.checks(found, control=True)
    assert {name for name, check in table.items() if check.measured is None} == red(found) == unmeasured


def test_a_curve_that_ends_too_early(suite: Suite, transfer: ImageSet) -> None:
    """Without a point at eps 0.5 or above, whether the attack works there is not known."""
    found = judged(suite, transfer, linf=(0.0, 0.4999))
    assert red(found) == {"grey_bound"}
    assert sanity.checks(found, control=True)["grey_bound"].measured is None


# --- Where the bounds lie -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "weaker"), VERSUS.items())
def test_pgd_is_compared_with_each_attack_by_itself(name: str, weaker: str, healthy: Evidence) -> None:
    """One attack that leaves fewer images than PGD does turns its own check red, and no other."""
    found = answering(healthy, **{"fgm": 0.8, "noise": 1.0, "square": 0.6, "pgd": 0.7, "pgd_margin": 0.6, weaker: 0.5})
    measured = {"iterative_vs_single": 0.2}.get(name, 0.1)  # the weakest iterative attack counts, not the strongest
    check = sanity.checks(found, control=False)[name]
    assert red(found, control=False) - {"gradient_free_vs_noise"} == {name}
    assert check.measured == pytest.approx(measured)
    assert (check.passed, check.bound) == (False, sanity.SLACK)


@pytest.mark.parametrize(("name", "weaker"), VERSUS.items())
def test_a_weaker_attack_may_be_much_weaker(name: str, weaker: str, healthy: Evidence) -> None:
    """PGD may leave as many images as the other attack, or fewer."""
    strongest = 0.7 if name == "iterative_vs_single" else 0.6
    for share in (strongest, 0.9):
        found = answering(healthy, **{"noise": 1.0, "pgd": 0.7, "pgd_margin": 0.6, weaker: share})
        assert red(found, control=False) - {"gradient_free_vs_noise"} == set()
        assert sanity.checks(found, control=False)[name].measured == pytest.approx(strongest - share)


@pytest.mark.parametrize("name", INDICATORS)
def test_an_indicator_beyond_its_bound(name: str, healthy: Evidence) -> None:
    """An indicator at its bound is green; a little above, its check is red, and no other."""
    indicator, bound = INDICATORS[name]
    assert red(replace(healthy, indicators={**healthy.indicators, indicator: bound})) == set()
    assert red(replace(healthy, indicators={**healthy.indicators, indicator: bound + 1e-5})) == {name}


def test_bounds_follow_the_evidence(healthy: Evidence) -> None:
    """Perturbations are bounded by the sizes of this very evaluation."""
    few = replace(healthy, indicators={**healthy.indicators, "eps": 0.3, "transfer_eps": 0.4})
    table = sanity.checks(few, control=True)
    assert table["within_eps"].bound == pytest.approx(0.3, abs=1e-5)
    assert table["transfer_within_eps"].bound == pytest.approx(0.4, abs=1e-5)


@pytest.mark.parametrize(
    ("points", "faults"),
    [
        ([(0.0, 1.0), (0.2, 0.5), (0.5, 0.34)], set()),
        ([(0.0, 1.0), (0.2, 0.5), (0.5, 0.35)], {"grey_bound"}),
        ([(0.0, 1.0), (0.2, 0.5), (0.5, 0.5), (0.8, 0.0)], {"grey_bound"}),
        ([(0.0, 0.2), (0.2, 0.2), (0.5, 0.2)], set()),
        ([(0.0, 0.2), (0.2, 0.209), (0.5, 0.2)], set()),
        ([(0.0, 0.2), (0.2, 0.22), (0.5, 0.2)], {"monotone"}),
        ([(0.0, 0.2), (0.1, 0.208), (0.2, 0.216), (0.5, 0.224)], {"monotone"}),
        ([(0.5, 0.0), (0.2, 0.5), (0.0, 1.0)], set()),
        ([(0.5, 0.2), (0.2, 0.1), (0.0, 0.0)], {"monotone"}),
    ],
    ids=[
        "at the grey bound",
        "above the grey bound",
        "above the grey bound at 0.5 only",
        "flat",
        "rises a little",
        "rises",
        "rises little by little",
        "falls, written backwards",
        "rises, written backwards",
    ],
)
def test_curves(points: list[tuple[float, float]], faults: set[str], healthy: Evidence) -> None:
    """Accuracy at eps 0.5 and above must not exceed the largest class (a third here), nor rise as eps grows."""
    curves = {**healthy.curves, "linf": np.array(points)}
    assert red(replace(healthy, curves=curves)) == faults


def test_the_grey_bound_is_the_share_of_the_largest_class(suite: Suite, transfer: ImageSet) -> None:
    """Of twenty images of one class and five of another, a model may have four fifths right at eps 0.5, and a bit."""
    rows = np.concatenate([np.flatnonzero(transfer.labels == 0), np.flatnonzero(transfer.labels == 1)[:5]])
    found = judged(suite, transfer[rows], images=digits()[rows])
    assert sanity.checks(found, control=True)["grey_bound"].bound == pytest.approx(0.8 + sanity.SLACK)


def test_the_grey_bound_is_that_of_the_images_on_the_curve() -> None:
    """A constant model is at the bound and not above it, also if the curve's samples hold more of its class."""
    order = np.argsort([label + row // 30 * 10 for row, label in enumerate(digits().labels)], kind="stable")
    images = digits()[order]
    constant = under(dense(gain=0, bias=(2, 0, 0)))
    found = judged(constant, images, images=images, samples=20)
    assert found.curves["linf"][-1, 1] == 0.5, "ten of the first twenty images are of the constant's class"
    assert "grey_bound" not in red(found)


@pytest.mark.parametrize(("share", "passes"), [(0.0, True), (1 / COUNT, True), (2 / COUNT, False), (1.0, False)])
def test_the_control_must_fall_to_about_zero(share: float, healthy: Evidence, *, passes: bool) -> None:
    """A model without a defence may keep two images in a hundred under a working suite."""
    found = answering(healthy, pgd=share, pgd_margin=share)
    assert ("control" not in red(found)) == passes
    assert sanity.checks(found, control=True)["control"].measured == pytest.approx(share)


# --- The worst case -------------------------------------------------------------------------------------------------


def test_a_worst_case_that_forgets_attacks(healthy: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worst case that is better than one of its own attacks is wrong."""
    right = Evidence.right
    monkeypatch.setattr(Evidence, "right", lambda self, view: right(self, CLEAN if view == WORST_CASE else view))
    assert red(healthy, control=False) == {"worst_case"}
    assert sanity.checks(healthy, control=False)["worst_case"].measured == 1


def test_the_worst_case_is_that_of_the_suite(suite: Suite, transfer: ImageSet) -> None:
    """The Fast Gradient sets may be of a larger eps than the suite, as in the tutorial, and may leave less than it."""
    found = judged(under(suite.model.model, eps=0.05), transfer, craft=EPS)
    assert found.right(FGM_WHITE_BOX).mean() < found.right(WORST_CASE).mean()
    assert red(found, control=False) == set()


def test_the_worst_case_on_the_images_that_an_attack_saw(suite: Suite) -> None:
    """An attack on a few hard images may leave fewer of those than the suite leaves of all."""
    small = under(suite.model.model, eps=0.05)
    broken = judged(small, digits(), craft=0.05).right("pgd")
    images = digits()[np.argsort(broken, kind="stable")]  # those that fall come first
    chosen: dict[str, Section] = {**CHOSEN, "deepfool": Samples(samples=10)}
    found = judged(small, ImageSet(images.images, images.labels), images=images, craft=0.05, chosen=chosen)
    assert found.right("deepfool").mean() < found.right(WORST_CASE).mean()
    assert "worst_case" not in red(found, control=False)


# --- Numbers that are none ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measured", "passes"),
    [(0.1, True), (0.05, True), (-1.0, True), (0.1001, False), (None, False), (np.nan, False), (np.inf, False)],
)
def test_passed(measured: float | None, *, passes: bool) -> None:
    """A check holds up to its bound; what was not measured, or is not a number, does not hold."""
    assert Check("says", measured, 0.1).passed is passes


@pytest.mark.parametrize("name", INDICATORS)
def test_an_indicator_that_is_not_a_number(name: str, healthy: Evidence) -> None:
    """A NaN never passes."""
    indicator, _ = INDICATORS[name]
    assert red(replace(healthy, indicators={**healthy.indicators, indicator: np.nan})) == {name}


def test_a_curve_that_is_not_a_number(healthy: Evidence) -> None:
    """A curve with a NaN neither falls nor stays below a bound."""
    for row in range(len(LINF)):
        linf = healthy.curves["linf"].copy()
        linf[row, 1] = np.nan
        expected = {"monotone", "grey_bound"} if LINF[row] >= 0.5 else {"monotone"}
        assert red(replace(healthy, curves={**healthy.curves, "linf": linf})) == expected


# --- On disk --------------------------------------------------------------------------------------------------------


def test_checks_on_disk(healthy: Evidence, tmp_path: Path) -> None:
    """Each model and check has an entry: what it says, what was measured, the bound, and passed or not."""
    models = {
        "baseline": sanity.checks(healthy, control=True),
        "robust": sanity.checks(without(healthy, ["square"]), control=False),
    }
    sanity.save(tmp_path / "metrics" / "sanity.json", models)
    written = (tmp_path / "metrics" / "sanity.json").read_bytes()
    assert written.endswith(b"\n")
    assert b"\r" not in written
    content = json.loads(written)
    assert list(content) == ["baseline", "robust"]
    for model, table in models.items():
        assert list(content[model]) == list(table)
        for name, check in table.items():
            entry = content[model][name]
            assert list(entry) == ["says", "measured", "bound", "passed"]
            assert entry["says"] == check.says
            assert entry["bound"] == pytest.approx(check.bound, abs=1e-6)
            assert entry["passed"] is check.passed
            assert entry["measured"] == (None if check.measured is None else pytest.approx(check.measured, abs=1e-6))
    assert content["robust"]["white_box_vs_gradient_free"]["measured"] is None
    assert set(content["baseline"]) - set(content["robust"]) == {"control"}


def test_round_trip(healthy: Evidence, tmp_path: Path) -> None:
    """What is loaded is what was saved, to six digits, and saving it again gives the same bytes."""
    models = {"baseline": sanity.checks(healthy, control=True), "robust": {}}
    sanity.save(tmp_path / "one.json", models)
    loaded = sanity.load(tmp_path / "one.json")
    assert {model: list(table) for model, table in loaded.items()} == {
        "baseline": list(models["baseline"]),
        "robust": [],
    }
    for name, check in models["baseline"].items():
        assert loaded["baseline"][name].says == check.says
        assert loaded["baseline"][name].measured == pytest.approx(check.measured, abs=1e-6)
        assert loaded["baseline"][name].bound == pytest.approx(check.bound, abs=1e-6)
    sanity.save(tmp_path / "two.json", loaded)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


@pytest.mark.parametrize(
    "check",
    [
        Check("just above zero", 4e-7, 0.0),
        Check("just above a bound", 0.2000013, 0.2000010),
        Check("just below a bound", 0.2000007, 0.2000010),
        Check("at a bound", 0.01, 0.01),
        Check("not a number", float("nan"), 0.01),
        Check("not measured", None, 0.01),
        Check("far above", 1.0, 0.01),
    ],
    ids=lambda check: check.says,
)
def test_a_verdict_survives_the_disk(check: Check, tmp_path: Path) -> None:
    """A red check is red for whoever reads the file, a green one green, however close to the bound."""
    sanity.save(tmp_path / "sanity.json", {"robust": {"check": check}})
    assert json.loads((tmp_path / "sanity.json").read_bytes())["robust"]["check"]["passed"] is check.passed
    assert sanity.load(tmp_path / "sanity.json")["robust"]["check"].passed is check.passed


def test_missing_file(tmp_path: Path) -> None:
    """A missing file is named, with what makes it."""
    with pytest.raises(InputError, match=r"none\.json: no such file; `dvc repro` makes it"):
        sanity.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"3",
        b'"checks"',
        b'{"robust": []}',
        b'{"robust": {"logits": true}}',
        b'{"robust": {"logits": {"says": "", "measured": 0}}}',
        b'{"robust": {"logits": {"says": "", "measured": "0", "bound": 0}}}',
        b'{"robust": {"logits": {"says": "", "measured": 0, "bound": null}}}',
    ],
)
def test_garbage(content: bytes, tmp_path: Path) -> None:
    """A file that holds something else is refused by name, not taken for checks that pass."""
    (tmp_path / "sanity.json").write_bytes(content)
    with pytest.raises(InputError, match=r"sanity\.json: not the checks of an evaluation"):
        sanity.load(tmp_path / "sanity.json")


def test_red_lines_come_first() -> None:
    """What is wrong comes first, measured against its bound or not run; otherwise the order is kept."""
    table = partial(Check, bound=0.01)
    models = {
        "baseline": {"one": table("fine", 0.0), "two": table("not run", None)},
        "hardened": {"one": table("too much", 0.123456), "two": table("fine as well", -0.5)},
    }
    assert sanity.lines(models) == [
        "RED  baseline    not run <= 0.01      not run",
        "RED  hardened     0.1235 <= 0.01      too much",
        "ok   baseline          0 <= 0.01      fine",
        "ok   hardened       -0.5 <= 0.01      fine as well",
    ]
    assert sanity.lines({}) == []
