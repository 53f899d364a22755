"""Every attack is as strong as it claims on a linear model, where the smallest perturbation is known."""

from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest
from support.attacks import mistakes
from support.few import FEW
from support.linear import SIDE, case, gradient, level
from support.linear import model as linear_model

from robust_digits.arrays.perturbation import sizes
from robust_digits.attack import blocks
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import ATTACKS, Ensemble, Noise, Plain, Queries, Restarts, Samples, Steps, Targets
from robust_digits.data.images import ImageSet
from robust_digits.params import Section

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]


SLOW = Samples(samples=6)


def anywhere(count: int = 6) -> tuple[Suite, ImageSet]:
    """Return the attacks on a linear model, and images that use the whole range, with the classes it gives them."""
    attacks = Suite(case()[0], eps=0.1, seed=0)
    images = np.random.default_rng(0).random((count, SIDE, SIDE, 1), np.float32)
    return attacks, ImageSet(images, attacks.model.predict(images).argmax(axis=1))


CLIMBS: dict[str, Section] = {
    "pgd": Restarts(steps=10, restarts=1),
    "pgd_margin": Restarts(steps=10, restarts=1),
    "apgd_ce": Restarts(steps=20, restarts=1),
    "apgd_t": Targets(steps=20, targets=1),
    "fab_t": Targets(steps=20, targets=1),
    "adaptive": Restarts(steps=20, restarts=1),
    "autoattack": Ensemble(steps=20, targets=1, queries=100),
}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        *CLIMBS.items(),
        ("fgm", Plain()),
        ("bim", Steps(steps=10)),
        ("square", Queries(queries=500)),  # its last squares are single pixels, and 16 pixels are soon all drawn
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_smallest_perturbation_on_a_linear_model(name: str, settings: Section, seed: int) -> None:
    """Within a box just larger than the distance to the boundary every image falls, just smaller none."""
    falls_between(name, settings, *known(seed, "inf"), distance=0.05)


@pytest.mark.parametrize(("name", "settings"), [(name, each) for name, each in CLIMBS.items() if "pgd" not in name[:3]])
@pytest.mark.parametrize("seed", range(2))
def test_smallest_perturbation_in_l2(name: str, settings: Section, seed: int) -> None:
    """The same in L2, where the distance is larger by the ratio of the weights' norms."""
    ratio = float(np.abs(gradient(seed)).sum() / np.linalg.norm(gradient(seed)))
    falls_between(name, settings, *known(seed, 2), distance=0.05 * ratio)


@cache
def known(seed: int, norm: str | int) -> tuple[Suite, ImageSet]:
    """Return the attacks on a linear model, compiled once, and images 0.05 from its boundary in L-infinity."""
    model, whole = level(0.05, seed)
    return Suite(model, eps=0.05, seed=0, norm=norm), whole


def falls_between(name: str, settings: Section, attacks: Suite, whole: ImageSet, *, distance: float) -> None:
    """Assert that an attack breaks every image a little beyond a distance, and none a little short of it."""
    for factor, falls in ((0.98, False), (1.02, True)):
        attacks.victim.eps = distance * factor
        found = attacks.attack(name, settings, whole, whole.images).images
        assert (mistakes(attacks, found, whole) == falls).all()
        assert sizes(found - whole.images, norm=attacks.norm).max() <= attacks.eps + 1e-6
        assert found.min() >= 0
        assert found.max() <= 1


def test_square_in_l2_breaks_what_is_near() -> None:
    """In twice the distance, Square carries its tiles to where they count; below the distance nothing falls."""
    model, whole = level(0.05)
    distance = 0.05 * float(np.abs(gradient()).sum() / np.linalg.norm(gradient()))
    for factor, falls in ((0.98, False), (3.0, True)):
        attacks = Suite(model, eps=distance * factor, seed=0, norm=2)
        found = attacks.attack("square", Queries(queries=1000), whole, whole.images).images
        assert (mistakes(attacks, found, whole) == falls).all()


@pytest.mark.parametrize(
    ("name", "norm", "distance", "factor"),
    [
        ("deepfool", 2, 0.05, 1.03),  # the paper's overshoot is 0.02
        ("deepfool", 2, 0.01, 1.03),
        ("carlini_wagner", 2, 0.05, 1.2),  # its search for the weight of the distance is short
        ("hopskipjump", "inf", 0.05, 1.25),  # its last step goes 1 / sqrt(20) beyond the boundary
        ("hopskipjump", "inf", 0.01, 1.25),
    ],
)
def test_small_perturbations_on_a_linear_model(name: str, norm: str | int, distance: float, factor: float) -> None:
    """An attack that looks for a small perturbation fools the model, with hardly more than the closed form."""
    model, whole = level(distance)
    attacks = Suite(model, eps=distance / 2, seed=0)
    smallest = distance if norm == "inf" else distance * np.abs(gradient()).sum() / np.linalg.norm(gradient())
    found = attacks.perturb(name, SLOW, whole, whole.images).images
    larger = sizes(found - whole.images, norm=norm) / smallest
    assert mistakes(attacks, found, whole).all()
    assert larger.min() >= 1 - 1e-5
    assert larger.max() <= factor


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_falls_in_too_small_a_box(name: str) -> None:
    """Below the distance to the boundary every image survives every attack, those without a bound included."""
    attacks, whole = known(0, "inf")
    attacks.victim.eps = 0.01
    found = attacks.attack(name, FEW[name], whole, 1 - whole.images).images
    assert not mistakes(attacks, found, whole).any()
    assert sizes(found - whole.images, norm="inf").max() <= 0.01 + 1e-6


def test_newtonfool_goes_to_the_boundary() -> None:
    """NewtonFool stops where the true class is as likely as by chance: of two classes, on the boundary itself."""
    model, whole = level(0.05)
    attacks = Suite(model, eps=0.01, seed=0)
    found = attacks.perturb("newtonfool", SLOW, whole, whole.images).images
    smallest = 0.05 * np.abs(gradient()).sum() / np.linalg.norm(gradient())
    np.testing.assert_allclose(sizes(found - whole.images, norm=2), smallest, rtol=1e-3)
    np.testing.assert_allclose(np.ptp(attacks.model.predict(found), axis=1), 0, atol=1e-3)


def test_jsma_changes_few_pixels_all_the_way() -> None:
    """JSMA fools the model with no more than a fifth of the pixels (and the pair that it is at), each made white."""
    model, whole = level(0.01)
    attacks = Suite(model, eps=0.01, seed=0)
    found = attacks.perturb("jsma", SLOW, whole, whole.images).images
    assert mistakes(attacks, found, whole).all()
    changed = found != whole.images
    assert (found[changed] == 1).all()
    assert changed.sum(axis=(1, 2, 3)).max() <= 0.2 * SIDE * SIDE + 2


def test_universal_is_one_perturbation_for_all() -> None:
    """All images are moved alike."""
    model, whole = level(0.05)
    found = Suite(model, eps=0.1, seed=0).attack("universal", SLOW, whole, whole.images).images
    moved = found - whole.images
    assert moved[0].any()
    np.testing.assert_allclose(moved, np.broadcast_to(moved[:1], moved.shape), atol=1e-6)


def test_universal_asks_about_one_image_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes from image to image: were every question padded to a block, most of the answers would be thrown away."""
    model, whole = level(0.05)
    attacks, asked = Suite(model, eps=0.1, seed=0), Counter[int]()
    ask = blocks.ask

    def noted(compiled: blocks.Compiled, *arrays: blocks.Array, rows: int = blocks.ROWS, **more: Any) -> Any:  # noqa: ANN401
        asked[rows] += 1
        return ask(compiled, *arrays, rows=rows, **more)

    monkeypatch.setattr(blocks, "ask", noted)
    attacks.perturb("universal", SLOW, whole, whole.images)
    assert asked[1] > 10 * asked[blocks.ROWS], "all but what every attack asks first and last"


@pytest.mark.parametrize("label", [0, 1])
def test_universal_on_a_linear_model(label: int) -> None:
    """Where all images are of one class, one perturbation fools the model on all of them."""
    model, whole = level(0.05)
    one = whole[np.flatnonzero(whole.labels == label)]
    attacks = Suite(model, eps=0.1, seed=0)
    assert mistakes(attacks, attacks.attack("universal", SLOW, one, one.images).images, one).all()


def test_grey() -> None:
    """Every pixel moves towards 0.5, as far as eps allows; at eps 0.5 all images are the same grey."""
    attacks, whole = anywhere()
    found = attacks.attack("grey", Plain(), whole, whole.images).images
    towards = np.where(whole.images < 0.5, np.minimum(whole.images + 0.1, 0.5), np.maximum(whole.images - 0.1, 0.5))
    np.testing.assert_allclose(found, towards, atol=1e-6)
    attacks.victim.eps = 0.5
    np.testing.assert_allclose(attacks.attack("grey", Plain(), whole, whole.images).images, 0.5, atol=1e-6)


def test_transfer() -> None:
    """The transfer set is taken as it is where it lies in the box, and clipped to the box where it does not."""
    attacks, whole = anywhere()
    transfer = np.random.default_rng(1).random(whole.images.shape, np.float32)
    transfer[0] = whole.images[0] + (transfer[0] - whole.images[0]) / 10
    found = attacks.attack("transfer", Plain(), whole, transfer).images
    np.testing.assert_allclose(found[0], transfer[0], atol=1e-7)
    lowest, highest = np.maximum(whole.images - 0.1, 0), np.minimum(whole.images + 0.1, 1)
    np.testing.assert_allclose(found, np.minimum(np.maximum(transfer, lowest), highest), atol=1e-6)


def test_noise_is_uniform_in_the_box() -> None:
    """Noise takes every size up to eps, up and down, alike: none beyond, whichever draw it comes from."""
    model, whole = level(0.05, count=200)
    attacks = Suite(model, eps=0.04, seed=0)
    first, third = (attacks.attack("noise", Noise(draws=draws), whole, whole.images).images for draws in (1, 3))
    for found in (first, third):
        moved = (found - whole.images).ravel()
        assert np.abs(moved).max() <= 0.04 + 1e-6
        assert kstest(moved, "uniform", args=(-0.04, 0.08)).pvalue > 0.01
    assert not np.isclose(first, third).all(axis=(1, 2, 3)).any()


def test_an_image_must_survive_every_draw_of_noise() -> None:
    """More draws break more images, and a broken image is not drawn for again."""
    model, whole = level(0.05, count=100)
    attacks = Suite(model, eps=0.3, seed=0)
    found = {draws: attacks.attack("noise", Noise(draws=draws), whole, whole.images).images for draws in (1, 2, 5, 30)}
    broken = {draws: mistakes(attacks, images, whole) for draws, images in found.items()}
    for fewer, more in ((1, 2), (2, 5), (5, 30)):
        np.testing.assert_array_equal(found[more][broken[fewer]], found[fewer][broken[fewer]])
        assert broken[more].sum() > broken[fewer].sum()
    single = broken[1].mean()
    assert 0.05 < single < 0.3
    assert broken[5].mean() == pytest.approx(1 - (1 - single) ** 5, abs=0.1)
    assert broken[30].mean() > 0.9


def test_margin_sees_where_the_cross_entropy_is_flat() -> None:
    """On a linear model so steep that the cross-entropy has no gradient, PGD on the margin still breaks every image."""
    _, whole = level(0.05)
    steep = gradient() * 1e6
    attacks = Suite(linear_model(steep, -float(steep.sum() / 2)), eps=0.06, seed=0)
    settings = Restarts(steps=10, restarts=1)
    blind = attacks.attack("pgd", settings, whole, whole.images).images
    seeing = attacks.attack("pgd_margin", settings, whole, whole.images).images
    assert not mistakes(attacks, blind, whole).any()
    assert mistakes(attacks, seeing, whole).all()
