"""The suite runs each attack on what the model gets right, within its rules, and gives the same bytes again."""

import numpy as np
import pytest
from numpy.typing import NDArray
from support.linear import level

from robust_digits.arrays import scratch
from robust_digits.attack import attacks as functions
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import ATTACKS, Noise, Plain, Queries, Samples
from robust_digits.attack.target import Images, Target
from robust_digits.data.images import ImageSet
from robust_digits.params import Section

pytestmark = pytest.mark.usefixtures("tensorflow")

SLOW = Samples(samples=6)


def planted(monkeypatch: pytest.MonkeyPatch, name: str, shift: NDArray[np.float32]) -> None:
    """Put in the place of an attack one that moves all images by `shift`, whatever it is told."""

    def attack(target: Target, _: Section) -> Images:
        moved: Images = target.images + shift
        return moved

    monkeypatch.setattr(f"robust_digits.attack.attacks.{name}", attack)


@pytest.mark.parametrize(
    ("shift", "message"),
    [
        (0.11, "expected perturbations of Linf size 0.1 at most, got 0.1"),
        (-0.11, "expected perturbations of Linf size 0.1 at most, got 0.1"),
        (0.6, "expected finite adversarial pixels"),
        (np.nan, "expected finite adversarial pixels"),
    ],
    ids=["above", "below", "range", "nan"],
)
@pytest.mark.parametrize("row", [0, 5])
def test_an_attack_that_breaks_the_rules_is_an_error(
    shift: float, message: str, row: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attack that goes beyond eps or the range with a single pixel is stopped, not scored."""
    model, whole = level(0.05)
    shifts = np.zeros_like(whole.images)
    shifts[row, 1, 2, 0] = shift
    planted(monkeypatch, "fgm", shifts)
    with pytest.raises(ValueError, match=message):
        Suite(model, eps=0.1, seed=0).attack("fgm", Plain(), whole, whole.images)


@pytest.mark.parametrize("shift", [0.6, np.nan], ids=["range", "nan"])
def test_an_attack_without_a_bound_has_rules_too(shift: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attack that looks for a small perturbation may neither leave the range nor give what is no number."""
    model, whole = level(0.05)
    planted(monkeypatch, "deepfool", np.full_like(whole.images, shift))
    with pytest.raises(ValueError, match="expected finite adversarial pixels"):
        Suite(model, eps=1.0, seed=0).attack("deepfool", SLOW, whole, whole.images)


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if not attack.bounded])
def test_what_needs_more_than_eps_is_put_back(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that needed more than eps has survived and is given back; `perturb` shows what it would have taken."""
    model, whole = level(0.05)
    needed = np.array([0.0, 0.05, 0.0999, 0.1001, 0.2, 0.3], np.float32)
    shift = np.zeros_like(whole.images)
    shift[:, 3, 0, 0] = needed
    planted(monkeypatch, name, shift)
    monkeypatch.setattr(scratch, "_CHUNK", 1)  # byte: one image at a time
    attacks = Suite(model, eps=0.1, seed=0)
    expected = whole.images + shift
    np.testing.assert_array_equal(attacks.perturb(name, SLOW, whole, whole.images).images, expected)
    expected[3:] = whole.images[3:]
    np.testing.assert_array_equal(attacks.attack(name, SLOW, whole, whole.images).images, expected)


def test_only_images_that_the_model_gets_right_are_attacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attack is given the images that stand, with their labels and transfer set, and its result goes in place."""
    model, whole = level(0.05)
    labels = whole.labels.copy()
    labels[[1, 4]] = 1 - labels[[1, 4]]
    transfer = np.random.default_rng(0).random(whole.images.shape, np.float32)
    seen = []

    def attack(target: Target, _: Section) -> Images:
        seen.append(target)
        moved: Images = target.images + np.float32(0.05)
        return moved

    monkeypatch.setattr("robust_digits.attack.attacks.fgm", attack)
    found = Suite(model, eps=0.1, seed=0).attack("fgm", Plain(), ImageSet(whole.images, labels), transfer).images
    right = np.array([0, 2, 3, 5])
    (target,) = seen
    np.testing.assert_array_equal(target.images, whole.images[right])
    np.testing.assert_array_equal(target.labels, whole.labels[right])
    np.testing.assert_array_equal(target.transfer, transfer[right])
    assert target.eps == 0.1
    expected = whole.images.copy()
    expected[right] += np.float32(0.05)
    np.testing.assert_array_equal(found, expected)


def test_nothing_left_to_attack(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attack is not called at all on a model that gets every image wrong."""
    model, whole = level(0.05)
    wrong = ImageSet(whole.images, 1 - whole.labels)
    monkeypatch.setattr("robust_digits.attack.attacks.fgm", pytest.fail)
    found = Suite(model, eps=0.1, seed=0).attack("fgm", Plain(), wrong, whole.images).images
    np.testing.assert_array_equal(found, whole.images)


@pytest.mark.parametrize("name", ["fgm", "transfer", "square"])
def test_sets_larger_than_a_block_are_attacked_in_parts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attacks are called block by block, and every image gets its own result."""
    model, whole = level(0.05, count=10)
    transfer = np.random.default_rng(0).random(whole.images.shape, np.float32)
    settings = Queries(queries=500) if name == "square" else Plain()
    at_once = Suite(model, eps=0.06, seed=0).attack(name, settings, whole, transfer).images
    counts = []
    attack = getattr(functions, name)

    def counting(target: Target, settings: Section) -> Images:
        counts.append(len(target.labels))
        moved: Images = attack(target, settings)
        return moved

    monkeypatch.setattr(f"robust_digits.attack.attacks.{name}", counting)
    in_parts = Suite(model, eps=0.06, seed=0, size=4).attack(name, settings, whole, transfer).images
    assert counts == [4, 4, 2]
    np.testing.assert_array_equal(in_parts, at_once)


def test_the_seed_decides_what_is_drawn() -> None:
    """Another seed gives other draws, and so does another attack with the same seed."""
    model, whole = level(0.05)

    def drawn(name: str, settings: Section, seed: int) -> Images:
        return Suite(model, eps=0.01, seed=seed).attack(name, settings, whole, whole.images).images

    one = Noise(draws=1)
    assert not np.array_equal(drawn("noise", one, 0), drawn("noise", one, 1))
    start = Queries(queries=1)
    assert not np.array_equal(drawn("square", start, 0), drawn("square", start, 1))
    largest = 2**32 - 1  # of what params.yaml may name
    np.testing.assert_array_equal(drawn("noise", one, largest), drawn("noise", one, largest))
