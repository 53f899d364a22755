"""Checks go red for attacks that do not work, new ones too."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.evaluations import CHOSEN, COUNT, EPS, STEPS, VERSUS, Images, bent, crafted, digits, judged, mirrored, red

from robust_digits.arrays import perturbation
from robust_digits.attack import attacks
from robust_digits.attack.ascent import Ascent, Trail
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import ATTACKS, Attack, Noise, Plain, Steps
from robust_digits.attack.target import Target
from robust_digits.data.images import ImageSet
from robust_digits.judge import sanity, showing
from robust_digits.judge.evidence import Evidence
from robust_digits.params import Section

pytestmark = pytest.mark.usefixtures("tensorflow")


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
    bent(monkeypatch, lambda images, found, *_: mirrored(found, images))
    found = judged(suite, transfer)
    errs_too = {"iterative_vs_single"}  # the single step
    assert red(found) == {*VERSUS, "grey_bound", "unbounded", "best_kept", "planted"} - errs_too
    assert found.indicators["unbounded"] >= 1 - 1 / COUNT, "all but what the mirror image of a random start breaks"


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
    found = showing.under_attack(suite, high, transfer, {"noise": Noise(draws=1)}).indicators
    assert found["beyond_range"] == pytest.approx(high.images.max() + EPS - 1)
    assert found["beyond_range"] > 0.1


def test_the_transfer_set_as_it_lies_on_disk(suite: Suite) -> None:
    """A transfer set that was crafted at another size than the parameters say is found out."""
    found = judged(suite, crafted(suite, eps=0.3), craft=0.2)
    assert red(found) == {"transfer_within_eps"}
    assert sanity.checks(found, control=True)["transfer_within_eps"].measured == pytest.approx(0.3)


def crawl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every ascent of several steps reach no further than steps of 0.01 lead, as if eps were of no concern."""
    whole = Ascent._climb  # noqa: SLF001 (the one place that all ascents pass)

    def climb(self: Ascent, rows: tuple[NDArray[Any], ...], *, eps: float, steps: int, **told: Any) -> Trail:  # noqa: ANN401
        return whole(self, rows, eps=eps if steps == 1 else min(eps, steps * 0.01), steps=steps, **told)

    monkeypatch.setattr(Ascent, "_climb", climb)


def test_steps_that_are_too_short(
    suite: Suite, transfer: ImageSet, healthy: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attack that has not arrived gains from more steps, is weaker than one long one, and misses what is planted."""
    crawl(monkeypatch)
    found = judged(suite, transfer)
    expected = dict(healthy.curves["linf"])
    assert found.curves["linf"][-1, 1] == pytest.approx(expected[0.05], abs=0.05), "no further than 5 steps of 0.01"
    assert red(found) == {*VERSUS, "more_effort", "grey_bound", "unbounded", "planted"} - {"white_box_vs_noise"}
    assert found.indicators["gain_from_effort"] == pytest.approx(expected[0.05] - expected[0.1], abs=0.05)


Newcomer = Callable[[Callable[[Target, Any], Images], Attack], dict[str, Section]]


@pytest.fixture
def newcomer(monkeypatch: pytest.MonkeyPatch) -> Newcomer:
    """Return a function that adds an attack to the table, a record and its function, and returns the suite with it."""

    def add(attack: Callable[[Target, Any], Images], record: Attack) -> dict[str, Section]:
        monkeypatch.setitem(ATTACKS, "newcomer", record)
        monkeypatch.setattr(attacks, "newcomer", attack, raising=False)
        return {**CHOSEN, "newcomer": record.usual}

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
