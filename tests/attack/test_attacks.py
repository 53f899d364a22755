"""Every attack of the table keeps to the rules on a network, and repeats to the byte."""

import random
from collections.abc import Callable
from inspect import isfunction
from typing import Any, get_type_hints

import numpy as np
import pytest
from numpy.typing import NDArray
from support.attacks import EPS, MISTAKE, mistakes
from support.few import FEW
from support.linear import level

from robust_digits.arrays.perturbation import sizes
from robust_digits.attack import attacks as functions
from robust_digits.attack import fgm
from robust_digits.attack.ascent import Ascent, Trail
from robust_digits.attack.losses import cross_entropy
from robust_digits.attack.suite import STANDING, Found, Suite
from robust_digits.attack.table import ATTACKS, Attacks, Ensemble, Plain, Restarts, Steps, doubled
from robust_digits.attack.target import Images
from robust_digits.data.images import ImageSet
from robust_digits.learn import networks
from robust_digits.runtime import keras

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]


def far(whole: ImageSet) -> Images:
    """Return a transfer set, far beyond eps, and read-only."""
    images: Images = 1 - whole.images
    images.setflags(write=False)
    return images


@pytest.fixture(scope="module")
def first(attacks: Suite, whole: ImageSet) -> Callable[[str], Images]:
    """Return a function from the name of an attack to what it found first."""
    found: dict[str, Images] = {}

    def run(name: str) -> Images:
        if name not in found:
            random.seed(1)
            found[name] = attacks.perturb(name, FEW[name], whole, far(whole)).images
        return found[name]

    return run


def test_the_table_is_what_params_yaml_may_name() -> None:
    """Every attack has settings of its name, every name in the settings is an attack, and the order is the same."""
    assert list(ATTACKS) == list(Attacks.model_fields)
    assert list(ATTACKS) == list(FEW)


def test_every_record_has_its_function_and_every_function_its_record() -> None:
    """A public function of attacks.py is an attack of the table; only an ensemble, made of others, has none."""
    public = {
        name
        for name, function in vars(functions).items()
        if isfunction(function) and function.__module__ == functions.__name__ and not name.startswith("_")
    }
    assert public == {name for name, attack in ATTACKS.items() if not attack.members}


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if attack.search])
def test_a_search_can_look_for_longer(name: str) -> None:
    """Twice the effort of a search is another setting: else the check of it would compare an attack with itself."""
    assert doubled(FEW[name]) != FEW[name]


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if not attack.members])
def test_attacks_take_the_settings_that_are_read(name: str) -> None:
    """The settings that an attack asks for are those that params.yaml holds for it."""
    wanted = next(
        hint for key, hint in get_type_hints(getattr(functions, name)).items() if key not in {"target", "return"}
    )
    assert issubclass(type(FEW[name]), wanted)


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_keeps_to_the_rules(
    name: str,
    attacks: Suite,
    whole: ImageSet,
    first: Callable[[str], Images],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An attack gives float32 images of the same shape, in the range and within eps, and leaves mistakes alone."""
    before = whole.images.copy()
    free = first(name)
    kept = Found(free.copy(), np.full(len(free), STANDING))
    monkeypatch.setattr(attacks, "perturb", lambda *_, **__: kept)
    found = attacks.attack(name, FEW[name], whole, far(whole)).images
    for images in (free, found):
        assert images.dtype == np.float32
        assert images.shape == whole.images.shape
        assert images.min() >= 0
        assert images.max() <= 1
        np.testing.assert_array_equal(images[MISTAKE], whole.images[MISTAKE])
    assert (free != whole.images).any()
    assert sizes(found - whole.images, norm="inf").max() <= EPS + 1e-6
    np.testing.assert_array_equal(whole.images, before)


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_is_reproducible(
    name: str, attacks: Suite, whole: ImageSet, first: Callable[[str], Images]
) -> None:
    """An attack gives the same bytes again, after another attack, and whatever else has drawn random numbers."""
    expected = first(name)
    other = "noise" if name == "pgd" else "pgd"
    attacks.perturb(other, FEW[other], whole, far(whole))
    random.seed(2)
    found = attacks.perturb(name, FEW[name], whole, far(whole)).images
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["pgd", "pgd_margin", "apgd_ce", "adaptive"])
def test_restarts_attack_what_still_stands(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each start is given the images that the starts before it did not break, and what is broken stays broken."""
    model, whole = level(0.05)
    attacks = Suite(model, eps=0.1, seed=0)
    expected = attacks.attack("fgm", Plain(), whole, whole.images).images  # breaks every image
    falls = [{1, 4}, set(), {0, 1}]  # which of the images it is given a start breaks
    given: list[Images] = []
    starts: list[Images] = []

    def scripted(
        _: object,
        images: Images,
        labels: NDArray[np.int64],
        *,
        start: Images,
        eps: float,
        steps: int,
        indices: NDArray[np.int64],
    ) -> Trail:
        assert (eps, steps) == (0.1, 3)
        rows = [int(np.flatnonzero((whole.images == image).all(axis=(1, 2, 3)))[0]) for image in images]
        np.testing.assert_array_equal(indices, rows)
        np.testing.assert_array_equal(labels, whole.labels[rows])
        broken = [k in falls[len(given)] for k in range(len(rows))]
        given.append(images)
        starts.append(start[0])
        nothing = np.zeros(len(images), np.float32)
        return Trail(np.where(np.reshape(broken, (-1, 1, 1, 1)), expected[rows], images), nothing, nothing, nothing)

    monkeypatch.setattr(Ascent, "plain", scripted)
    monkeypatch.setattr(Ascent, "auto", scripted)
    found = attacks.attack(name, Restarts(steps=3, restarts=3), whole, whole.images).images
    for images, rows in zip(given, ([0, 1, 2, 3, 4, 5], [0, 2, 3, 5], [0, 2, 3, 5]), strict=True):
        np.testing.assert_array_equal(images, whole.images[rows])
    np.testing.assert_array_equal(found[[0, 1, 2, 4]], expected[[0, 1, 2, 4]])
    np.testing.assert_array_equal(found[[3, 5]], whole.images[[3, 5]])
    assert len({start.tobytes() for start in starts}) == 3, "each time from elsewhere"


@pytest.mark.parametrize(("eps", "starts"), [(0.06, 1), (0.04, 5)])
def test_restarts_stop_when_nothing_stands(eps: float, starts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once every image is broken there are no more starts."""
    model, whole = level(0.05)
    original, calls = Ascent.plain, []

    def counting(*given: Any, **settings: Any) -> Trail:  # noqa: ANN401 (passed on)
        calls.append(settings)
        return original(*given, **settings)

    monkeypatch.setattr(Ascent, "plain", counting)
    Suite(model, eps=eps, seed=0).attack("pgd", Restarts(steps=10, restarts=5), whole, whole.images)
    assert len(calls) == starts


@pytest.mark.parametrize(("name", "eps"), [("pgd", 0.06), ("pgd_margin", 0.06)])
def test_restarts_never_make_things_worse(name: str, eps: float) -> None:
    """With more starts, the images broken before are the same bytes, and others may be broken too."""
    keras.utils.set_random_seed(3)
    attacks = Suite(networks.build("one_convolution", shape=(8, 8, 1), classes=4), eps=eps, seed=0)
    images = np.random.default_rng(0).random((60, 8, 8, 1), np.float32)
    whole = ImageSet(images, attacks.model.predict(images).argmax(axis=1))
    found = [attacks.attack(name, Restarts(steps=2, restarts=restarts), whole, images).images for restarts in (1, 2, 8)]
    broken = [mistakes(attacks, each, whole) for each in found]
    assert 0 < broken[0].sum() < broken[2].sum() < 60
    for few, more in ((0, 1), (1, 2)):
        np.testing.assert_array_equal(found[more][broken[few]], found[few][broken[few]])


def test_fgm_is_the_one_that_crafts(attacks: Suite, whole: ImageSet) -> None:
    """The suite's FGM gives the bytes that crafting gives, except where the model is wrong anyway."""
    (crafted,) = fgm.craft(attacks.model, whole, norm="inf", eps=EPS, what="testing")
    expected = crafted.images.copy()
    expected[MISTAKE] = whole.images[MISTAKE]
    np.testing.assert_array_equal(attacks.attack("fgm", Plain(), whole, whole.images).images, expected)


def test_bim_starts_at_the_images(attacks: Suite, whole: ImageSet) -> None:
    """The suite's BIM is plain PGD from the images themselves, in as many steps as its settings say."""
    found = attacks.attack("bim", Steps(steps=3), whole, whole.images).images
    right = np.flatnonzero(~mistakes(attacks, whole.images, whole))
    images, labels = np.array(whole.images[right]), whole.labels[right]
    expected = whole.images.copy()
    expected[right] = attacks.victim.ascent(cross_entropy).plain(images, labels, start=images, eps=EPS, steps=3).images
    np.testing.assert_array_equal(found, expected)


def test_an_ensemble_says_who_broke_what() -> None:
    """Each member is given what the ones before it left, and is named for what it breaks, within eps only."""
    keras.utils.set_random_seed(3)
    network = networks.build("one_convolution", shape=(8, 8, 1), classes=4)
    attacks = Suite(network, eps=0.05, seed=0)
    images = np.random.default_rng(0).random((60, 8, 8, 1), np.float32)
    labels = attacks.model.predict(images).argmax(axis=1)
    labels[:5] = (labels[:5] + 1) % 4
    whole = ImageSet(images, labels)
    found = attacks.attack("autoattack", Ensemble(steps=5, targets=3, queries=50), whole, images)
    wrong = mistakes(attacks, found.images, whole)
    np.testing.assert_array_equal(wrong[5:], found.by[5:] != STANDING)
    assert (found.by[:5] == STANDING).all(), "what is wrong anyway is nobody's doing"
    alone = attacks.attack("apgd_ce", Restarts(steps=5, restarts=1), whole, images).images
    np.testing.assert_array_equal(found.by == 0, mistakes(attacks, alone, whole) & (np.arange(60) >= 5))
    assert 0 < (found.by == 0).sum() < (found.by != STANDING).sum() < 55


@pytest.mark.parametrize("name", ["noise", "fgm", "bim", "pgd", "apgd_t", "fab_t", "square", "autoattack", "adaptive"])
def test_an_image_falls_alike_in_any_company(name: str, attacks: Suite, whole: ImageSet) -> None:
    """Which other images there are, in which order, and how blocks are cut, changes nothing of what is found."""
    transfer = far(whole)
    expected = attacks.perturb(name, FEW[name], whole, transfer)
    order = np.array([4, 0, 5, 3])
    few = attacks.perturb(name, FEW[name], whole[order], transfer[order], indices=order)
    np.testing.assert_array_equal(few.images, expected.images[order])
    np.testing.assert_array_equal(few.by, expected.by[order])
    cut = Suite(attacks.model.model, eps=EPS, seed=0, size=2).perturb(name, FEW[name], whole, transfer)
    np.testing.assert_array_equal(cut.images, expected.images)
    np.testing.assert_array_equal(cut.by, expected.by)
