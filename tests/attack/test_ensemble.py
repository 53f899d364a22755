"""Members of an ensemble attack what those before them left standing, and together are as strong as all of them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from support.attacks import mistakes
from support.linear import level

from robust_digits.arrays.perturbation import sizes
from robust_digits.attack.suite import STANDING, Found, Suite
from robust_digits.attack.table import ATTACKS, Ensemble, Queries, Restarts, Targets, member
from robust_digits.attack.target import Images, Target
from robust_digits.data.images import ImageSet
from robust_digits.params import Section
from robust_digits.runtime import keras

pytestmark = pytest.mark.usefixtures("tensorflow")

MEMBERS = ATTACKS["autoattack"].members
APGD_CE, APGD_T, FAB_T, SQUARE = range(4)
EPS, DISTANCE, COUNT = 0.1, 0.05, 8
TOLD = Ensemble(steps=7, targets=2, queries=30)
Given = dict[str, list[int]]  # the test images that each member was given


@pytest.fixture(scope="module")
def attacks() -> Suite:
    """Return the attacks on a linear model."""
    return Suite(level(DISTANCE)[0], eps=EPS, seed=0)


@pytest.fixture(scope="module")
def whole() -> ImageSet:
    """Return images that the linear model gets right, of its two classes in turn."""
    return level(DISTANCE, count=COUNT)[1]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, attacks: Suite, whole: ImageSet) -> Callable[..., tuple[Found, Given]]:
    """Return a function that runs an ensemble whose members break the images that it names, and what they were given.

    A member returns the others a little moved; what it breaks it moves to the other side of the boundary, twice eps
    away if it is named under `far`.
    """

    def played(
        falls: dict[str, set[int]],
        *,
        far: tuple[str, ...] = (),
        images: ImageSet = whole,
        proven: NDArray[np.bool_] | None = None,
    ) -> tuple[Found, Given]:
        given: Given = {}

        def scripted(name: str) -> Callable[[Target, Section], Images]:
            def attack(target: Target, settings: Section) -> Images:
                assert settings == member(name, TOLD)
                given[name] = target.indices.tolist()
                np.testing.assert_array_equal(target.images, images.images[target.indices])
                np.testing.assert_array_equal(target.labels, images.labels[target.indices])
                size = 2 * EPS if name in far else EPS
                moved = [
                    across(attacks, target, row, size) if index in falls.get(name, set()) else faint(target, row, name)
                    for row, index in enumerate(target.indices)
                ]
                return np.array(moved, np.float32)

            return attack

        for name in MEMBERS:
            monkeypatch.setattr(f"robust_digits.attack.attacks.{name}", scripted(name))
        return attacks.attack("autoattack", TOLD, images, images.images, proven=proven), given

    return played


def across(attacks: Suite, target: Target, row: int, size: float) -> Images:
    """Return an image moved by `size` in L-infinity to the other side of the boundary."""
    one_hot = np.eye(2, dtype=np.float32)[target.labels[row : row + 1]]
    moved: Images = target.images[row] + size * np.sign(attacks.model.loss_gradient(target.images[[row]], one_hot)[0])
    return moved


def faint(target: Target, row: int, name: str) -> Images:
    """Return an image moved too little to break it, by another size for each member."""
    moved: Images = target.images[row] + np.float32(0.001 * (1 + MEMBERS.index(name)))
    return moved


Play = Callable[..., tuple[Found, Given]]


def test_members_are_given_what_those_before_left(play: Play, attacks: Suite, whole: ImageSet) -> None:
    """What a member breaks is given to none behind it, and stays as that member broke it, under its name."""
    found, given = play({"apgd_ce": {0, 5}, "apgd_t": {1}, "fab_t": {2, 3}, "square": {7}})
    assert given == {
        "apgd_ce": [0, 1, 2, 3, 4, 5, 6, 7],
        "apgd_t": [1, 2, 3, 4, 6, 7],
        "fab_t": [2, 3, 4, 6, 7],
        "square": [4, 6, 7],
    }
    np.testing.assert_array_equal(found.by, [APGD_CE, APGD_T, FAB_T, FAB_T, STANDING, APGD_CE, STANDING, SQUARE])
    np.testing.assert_array_equal(mistakes(attacks, found.images, whole), found.by != STANDING)
    assert sizes(found.images - whole.images, norm="inf").max() <= EPS + 1e-6


def test_what_is_proven_is_tried_once(play: Play) -> None:
    """The first member tries the proofs; what it leaves of them is spared the others, and counted as standing.

    One that falls all the same is broken, so that the evaluation shows that the proof was none.
    """
    proven = np.isin(np.arange(COUNT), [0, 2, 4, 6])
    found, given = play({"apgd_ce": {0, 1}, "apgd_t": {2}, "square": {3, 4}}, proven=proven)
    assert [given[name] for name in MEMBERS] == [list(range(COUNT)), *[[3, 5, 7]] * 3]
    np.testing.assert_array_equal(found.by, [APGD_CE, APGD_CE, STANDING, SQUARE, *[STANDING] * 4])


def test_when_nothing_stands_no_member_is_asked(play: Play) -> None:
    """Once every image is broken the members that are left do not run."""
    found, given = play({"apgd_ce": {0, 1, 2, 3}, "apgd_t": {4, 5, 6, 7}})
    assert list(given) == ["apgd_ce", "apgd_t"]
    np.testing.assert_array_equal(found.by, [APGD_CE] * 4 + [APGD_T] * 4)


def test_what_is_wrong_anyway_is_nobodys(play: Play, whole: ImageSet) -> None:
    """An image that the model gets wrong is given to no member, and comes back as it was under nobody's name."""
    labels = whole.labels.copy()
    labels[[0, 3]] = 1 - labels[[0, 3]]
    found, given = play({"apgd_ce": {1}}, images=ImageSet(whole.images, labels))
    assert [given[name] for name in MEMBERS] == [[1, 2, 4, 5, 6, 7], *[[2, 4, 5, 6, 7]] * 3]
    np.testing.assert_array_equal(found.images[[0, 3]], whole.images[[0, 3]])
    np.testing.assert_array_equal(found.by, [STANDING, APGD_CE, *[STANDING] * 6])


def test_a_member_without_a_bound_counts_within_eps_only(play: Play, attacks: Suite, whole: ImageSet) -> None:
    """An image for which FAB needed more than eps stands, goes on to Square, and may fall to that."""
    found, given = play({"fab_t": {0, 1, 2, 3}, "square": {1}}, far=("fab_t",))
    assert given["square"] == list(range(COUNT))
    np.testing.assert_array_equal(found.by, [STANDING, SQUARE, *[STANDING] * 6])
    np.testing.assert_array_equal(mistakes(attacks, found.images, whole), found.by != STANDING)
    assert sizes(found.images - whole.images, norm="inf").max() <= EPS + 1e-6


def test_a_member_without_a_bound_may_be_the_last(play: Play, whole: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing comes behind FAB, an image for which it needed more than eps is given back as it was."""
    monkeypatch.setitem(ATTACKS, "autoattack", replace(ATTACKS["autoattack"], members=("apgd_ce", "fab_t")))
    found, given = play({"apgd_ce": {0}, "fab_t": {1, 2}}, far=("fab_t",))
    assert list(given) == ["apgd_ce", "fab_t"]
    np.testing.assert_array_equal(found.images[1:], whole.images[1:])
    np.testing.assert_array_equal(found.by, [APGD_CE, *[STANDING] * 7])


def test_a_bounded_member_beyond_eps_is_an_error(play: Play) -> None:
    """A member that uses the whole ball and leaves it is no attack that failed, but one that is wrong."""
    with pytest.raises(ValueError, match=r"expected perturbations of Linf size 0\.1 at most, got 0\.2"):
        play({"square": {2}}, far=("square",))


def test_what_stands_is_shown_as_the_last_member_left_it(play: Play, whole: ImageSet) -> None:
    """An image that survives is the last try at it, within eps, so that pictures show what was tried."""
    found, _ = play({})
    np.testing.assert_array_equal(found.images, whole.images + np.float32(0.001 * (1 + SQUARE)))
    assert (found.by == STANDING).all()


def network() -> keras.Model:
    """Return a small network whose boundaries are curved."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    hidden = layers.Dense(32, activation="tanh", kernel_initializer=keras.initializers.RandomNormal(stddev=1.0))
    return keras.Sequential([layers.Input((4, 4, 1)), layers.Flatten(), hidden, layers.Dense(5)])


@pytest.mark.parametrize(("norm", "eps"), [("inf", 0.03), (2, 0.2)])
def test_together_they_break_what_any_of_them_breaks(norm: str | int, eps: float) -> None:
    """The images that fall to the ensemble are those that fall to a member by itself, each to the first that can."""
    attacks = Suite(network(), eps=eps, seed=0, norm=norm)
    pixels = np.random.default_rng(0).random((200, 4, 4, 1), np.float32)
    whole = ImageSet(pixels, attacks.model.predict(pixels).argmax(axis=1))
    settings: dict[str, Section] = {
        "apgd_ce": Restarts(steps=2, restarts=1),
        "apgd_t": Targets(steps=2, targets=4),
        "fab_t": Targets(steps=2, targets=4),
        "square": Queries(queries=50),
    }
    alone = {
        name: mistakes(attacks, attacks.attack(name, each, whole, pixels).images, whole)
        for name, each in settings.items()
    }
    found = attacks.attack("autoattack", Ensemble(steps=2, targets=4, queries=50), whole, pixels)
    broken: NDArray[np.bool_] = np.stack([alone[name] for name in MEMBERS])
    np.testing.assert_array_equal(found.by, np.where(broken.any(axis=0), broken.argmax(axis=0), STANDING))
    np.testing.assert_array_equal(mistakes(attacks, found.images, whole), broken.any(axis=0))
    assert {STANDING, APGD_CE, APGD_T, FAB_T} <= set(found.by), "a case in which members add to one another"
