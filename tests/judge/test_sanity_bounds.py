"""Where the bounds of the checks lie."""

from dataclasses import replace

import numpy as np
import pytest
from support.evaluations import COUNT, INDICATORS, VERSUS, answering, dense, digits, judged, red, under

from robust_digits.attack.suite import Suite
from robust_digits.data.images import ImageSet
from robust_digits.judge import sanity
from robust_digits.judge.evidence import Evidence, Made
from robust_digits.judge.views import CERTIFIED, CLEAN, FGM_TRANSFER, WORST_CASE

pytestmark = pytest.mark.usefixtures("tensorflow")


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


def test_large_images_may_be_rounded_further_in_l2(healthy: Evidence) -> None:
    """Each bound is that of its own attack's norm: in L2 the rounding of every pixel adds to it."""
    large = np.zeros((1, 512, 512, 4), np.uint8)
    for view, name in ((WORST_CASE, "within_eps"), (FGM_TRANSFER, "transfer_within_eps")):
        plain = sanity.checks(replace(healthy, pictured={CLEAN: large}), control=True)
        made = {**healthy.made, view: Made(2, 0.3, {})}
        table = sanity.checks(replace(healthy, pictured={CLEAN: large}, made=made), control=True)
        further = {key: table[key].bound - plain[key].bound for key in ("within_eps", "transfer_within_eps")}
        assert further.pop(name) == pytest.approx(1024 * 2.0**-25, rel=1e-3)
        assert list(further.values()) == [0.0]


@pytest.mark.parametrize(
    ("points", "faults"),
    [
        ([(0.0, 1.0), (0.2, 0.5), (0.5, 0.34)], set()),
        ([(0.0, 1.0), (0.2, 0.5), (0.5, 0.35)], {"grey_bound"}),
        ([(0.0, 1.0), (0.2, 0.5), (0.5, 0.5), (0.8, 0.0)], {"grey_bound"}),
        ([(0.0, 0.2), (0.2, 0.2), (0.5, 0.2)], set()),
        ([(0.0, 0.2), (0.2, 0.209), (0.5, 0.2)], set()),
        ([(0.5, 0.0), (0.2, 0.5), (0.0, 1.0)], set()),
    ],
    ids=[
        "at the grey bound",
        "above the grey bound",
        "above the grey bound at 0.5 only",
        "flat",
        "rises a little",
        "falls, written backwards",
    ],
)
def test_curves(points: list[tuple[float, float]], faults: set[str], healthy: Evidence) -> None:
    """Accuracy at eps 0.5 and above must not exceed the largest class (a third here)."""
    curves = {**healthy.curves, "linf": np.array(points)}
    curves.pop(CERTIFIED)  # it is held against this curve by a check of its own
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
