"""Each check is green in a working evaluation, and red where it was not measured or its number is none."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from support.evaluations import (
    ALL,
    CHOSEN,
    COUNT,
    EPS,
    INDICATORS,
    LINF,
    VERSUS,
    answering,
    crafted,
    digits,
    judged,
    red,
    under,
)
from support.fabricated import bare

from robust_digits.attack.suite import Suite
from robust_digits.attack.table import ATTACKS, Samples
from robust_digits.data.images import ImageSet
from robust_digits.judge import sanity
from robust_digits.judge.checks import Check
from robust_digits.judge.evidence import Evidence
from robust_digits.judge.views import CLEAN, FGM_WHITE_BOX, WORST_CASE, after
from robust_digits.params import Section

pytestmark = pytest.mark.usefixtures("tensorflow")


def test_a_working_evaluation_is_green(healthy: Evidence) -> None:
    """Working attacks on an undefended model pass every check, and these are all the checks."""
    table = sanity.checks(healthy, control=True)
    assert set(table) == ALL
    assert {name for name, check in table.items() if not check.passed} == set()
    assert not any(check.measured is None for check in table.values())


@pytest.fixture(scope="module")
def small(suite: Suite) -> Suite:
    """Return the attacks on the same model in a ball in which part of the images stand."""
    return under(suite.model.model, eps=0.05)


@pytest.fixture(scope="module")
def robust(small: Suite) -> Evidence:
    """Return the evaluation in that ball."""
    return judged(small, crafted(small, eps=0.05), craft=0.05)


def test_a_robust_model_is_green(robust: Evidence) -> None:
    """A model that survives part of the attacks passes, where nobody says that it has no defence."""
    assert 0.5 < robust.right(WORST_CASE).mean() < 0.9
    assert red(robust, control=False) == set()


def test_only_the_control_must_fall(robust: Evidence) -> None:
    """The same model is red as a control, which should have no defence, and for that alone."""
    assert red(robust) == {"control"}
    assert sanity.checks(robust, control=True)["control"].measured == robust.right(WORST_CASE).mean()
    assert "control" not in sanity.checks(robust, control=False)


def proven(found: Evidence, certified: NDArray[np.bool_] | None) -> Evidence:
    """Return evidence in which these images are certified."""
    return replace(found, certified=certified)


def test_no_attack_breaks_a_certified_image(robust: Evidence) -> None:
    """In a box so small that part of the model's images are certified, working attacks and a proof agree."""
    assert robust.certified is not None
    assert 0.4 < robust.certified.mean() <= robust.right(WORST_CASE).mean()
    assert "certified" not in red(robust)


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


def test_more_is_certified_than_stands_over_eps(healthy: Evidence) -> None:
    """In no ball of the curve can more images be certified than an attack left standing."""
    left = healthy.curves["linf"]
    nothing = np.zeros(COUNT, np.bool_)
    for more, share in ((0.0, 0.0), (0.25, 0.25)):
        curve = left.copy()
        curve[-1, 1] += more
        found = replace(proven(healthy, nothing), curves={**healthy.curves, "certified": curve})
        assert sanity.checks(found, control=False)["certified"].measured == pytest.approx(share)


def test_what_cannot_be_certified_is_not_checked(healthy: Evidence) -> None:
    """Where no bounds can be had there is nothing to hold the attacks against, and nothing is red for it."""
    table = sanity.checks(proven(healthy, None), control=True)
    assert set(table) == ALL - {"certified"}
    assert red(proven(healthy, None)) == set()


@pytest.mark.parametrize(
    ("left_out", "unmeasured"),
    [
        (["noise"], {"white_box_vs_noise", "gradient_free_vs_noise"}),
        (["transfer"], {"white_box_vs_transfer"}),
        (["fgm"], {"iterative_vs_single"}),
        (["square"], {"white_box_vs_gradient_free", "gradient_free_vs_noise"}),
        (["pgd", "pgd_margin"], {*VERSUS, "planted", "planted_hidden"}),
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


@pytest.mark.parametrize("weaker", [0, 1])
def test_a_member_counts_with_the_best_of_its_ensembles(weaker: int) -> None:
    """Where two ensembles have the same member, what the stronger run of it left is held against the others."""
    ensembles = ["autoattack", "apgd_square"]
    left = {ensembles[weaker]: 0.5, ensembles[1 - weaker]: 0.1}
    indicators = {after(name, member): left[name] for name in ensembles for member in ATTACKS[name].members}
    wrong = dict.fromkeys([CLEAN, "noise", *ensembles], np.zeros(10, np.int64))  # all of class 1
    labels = np.ones(10, np.int64)
    found = replace(bare(wrong | {CLEAN: labels, "noise": labels}, labels), indicators=indicators)
    against = sanity._strength(found)["gradient_free_vs_noise"]  # noqa: SLF001 (the checks of a bare evidence)
    assert against.measured == pytest.approx(0.1 - 1.0)


def test_a_curve_that_ends_too_early(suite: Suite, transfer: ImageSet) -> None:
    """Without a point at eps 0.5 or above, whether the attack works there is not known."""
    found = judged(suite, transfer, linf=(0.0, 0.4999))
    assert red(found) == {"grey_bound"}
    assert sanity.checks(found, control=True)["grey_bound"].measured is None


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


def test_the_worst_case_on_the_images_that_an_attack_saw(small: Suite, robust: Evidence) -> None:
    """An attack on a few hard images may leave fewer of those than the suite leaves of all."""
    broken = robust.right("pgd")
    images = digits()[np.argsort(broken, kind="stable")]  # those that fall come first
    chosen: dict[str, Section] = {**CHOSEN, "deepfool": Samples(samples=10)}
    found = judged(small, ImageSet(images.images, images.labels), images=images, craft=0.05, chosen=chosen)
    assert found.right("deepfool").mean() < found.right(WORST_CASE).mean()
    assert "worst_case" not in red(found, control=False)


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
    """A curve with a NaN where all images may be grey does not stay below a bound."""
    for row in range(len(LINF)):
        linf = healthy.curves["linf"].copy()
        linf[row, 1] = np.nan
        expected = {"grey_bound"} if LINF[row] >= 0.5 else set()
        assert red(replace(healthy, curves={**healthy.curves, "linf": linf})) == expected
