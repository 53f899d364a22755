"""Sets crafted by several attacks: what each holds, how they join the training images, what an interruption costs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.linear import level
from support.mislabelled import COUNT, DISTANCE, EPS, attacks_on, crafted, mislabelled

from robust_digits import runtime
from robust_digits.arrays import perturbation
from robust_digits.attack import attacks, suite
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import Noise, Plain, Restarts, Samples
from robust_digits.attack.target import Images, Target
from robust_digits.data import images
from robust_digits.data.images import ImageSet
from robust_digits.learn import models
from robust_digits.mix import crafting
from robust_digits.params import Section, parse
from stages import augment, craft

pytestmark = pytest.mark.usefixtures("tensorflow")

PGD = Restarts(steps=3, restarts=1)


def made(suite: Suite, name: str, settings: Section) -> ImageSet:
    """Return the test images under an attack, as one set."""
    parts = list(crafting.craft(suite, name, settings, mislabelled()))
    return ImageSet(*(np.concatenate([getattr(part, kind) for part in parts]) for kind in ("images", "labels")))


def moved(found: ImageSet) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return how far each image was moved."""
    return perturbation.sizes(found.images - mislabelled().images, norm="inf")


def test_fgm_is_the_tutorials() -> None:
    """It moves every image, those too that the model gets wrong, byte for byte as it did alone."""
    suite = attacks_on()
    found = made(suite, "fgm", Plain())
    np.testing.assert_array_equal(found.images, crafted(suite, mislabelled()).images)
    assert (moved(found) > 0).all()


def test_another_attack_moves_what_is_right() -> None:
    """What the model gets wrong stays as it is; the rest is moved within eps, and keeps its label."""
    found = made(attacks_on(), "pgd", PGD)
    assert (moved(found) > 0).tolist() == [False] * 2 + [True] * (COUNT - 2)
    assert moved(found).max() <= EPS + perturbation.TOLERANCE
    np.testing.assert_array_equal(found.labels, mislabelled().labels)


def test_the_smallest_perturbation_is_not_cut_to_eps() -> None:
    """An attack without a bound fools the model by what it needs, though that is more than eps."""
    suite = attacks_on(eps=DISTANCE / 2)
    found = made(suite, "deepfool", Samples(samples=COUNT))
    assert (suite.model.predict(found.images).argmax(axis=1) != found.labels).all()
    assert (moved(found)[2:] > DISTANCE / 2).all()


def test_a_bound_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attack with a bound that leaves the ball is an error, and no set."""
    monkeypatch.setattr(attacks, "noise", lambda target, _: target.images + np.float32(2 * EPS))
    with pytest.raises(ValueError, match=r"expected perturbations of Linf size 0\.02 at most"):
        made(attacks_on(), "noise", Noise(draws=1))


def test_a_share_of_each_set_joins_the_training_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first ones of each, in the order of the table, behind the clean ones; sets without a share stay away."""
    monkeypatch.chdir(tmp_path)
    clean = mislabelled()
    sets = {name: ImageSet(clean.images * np.float32(dim), clean.labels) for name, dim in DIMMED.items()}
    for name, each in {"train": clean, **{f"sets/{name}": each for name, each in sets.items()}}.items():
        images.save(Path(name), [each], count=COUNT)
    values = {
        "craft": {"norm": "inf", "eps": EPS, "fraction": 1.0, "attacks": {"fgm": {}, "noise": NOISE, "grey": {}}},
        "augment": {"attacks": {"fgm": 1.0, "noise": 0.5}},
    }
    augment.main(parse(augment.Params, values, where="here"), Path("train"), Path("sets"), Path("out"))
    assert capsys.readouterr().out == f"{COUNT} clean, {COUNT // 2} noise, {COUNT} fgm images -> out\n"
    found, order = images.load(Path("out")), [clean, sets["noise"][: COUNT // 2], sets["fgm"]]
    np.testing.assert_array_equal(found.images, np.concatenate([each.images for each in order]))
    np.testing.assert_array_equal(found.labels, np.concatenate([each.labels for each in order]))


NOISE = {"draws": 1}
DIMMED = {"fgm": 0.9, "noise": 0.8, "grey": 0.7}


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 (a function of an attack and a folder)
    """Return the stage `craft` on a linear model, 300 training images, three blocks, and 12 test images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(runtime, "start", lambda **_: None)  # it has started
    model, train = level(DISTANCE, count=300)
    models.save(model, Path("model.keras"))
    images.save(Path("train"), [train], count=300)
    images.save(Path("test"), [mislabelled()], count=COUNT)
    chosen = {"fgm": {}, "noise": NOISE, "deepfool": {"samples": 5}}
    values = {"seed": 0, "threads": 2, "craft": {"norm": "inf", "eps": EPS, "fraction": 0.9, "attacks": chosen}}

    def run(attack: str, out: str) -> None:
        paths = map(Path, ("model.keras", "train", "test", f"{out}/train", f"{out}/test"))
        craft.main(parse(craft.Params, values, where="here"), attack, *paths)

    return run


@pytest.mark.parametrize(
    ("attack", "counts", "says"),
    [("noise", [270, COUNT], "noise, Linf eps 0.02"), ("deepfool", [5, 5], "DeepFool, of whatever size")],
)
def test_how_many_images_a_set_has(
    stage: Any,  # noqa: ANN401
    attack: str,
    counts: list[int],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A fraction of the training images and every test image, or as many of the first ones as the attack is told."""
    stage(attack, "out")
    assert [len(images.load(Path("out", part))) for part in ("train", "test")] == counts
    train, test = counts
    assert capsys.readouterr().out == f"{says}: {train} images -> out/train, {test} images -> out/test\n"


@pytest.mark.fault("recovered")
def test_interrupted_crafting_goes_on(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    """What was crafted is not crafted again, the bytes are those of a run in one go, and nothing is left over."""
    stage("noise", "whole")
    ran: list[int] = []
    one = suite.craft

    def craft(target: Target, settings: Section) -> Images:
        ran.append(int(target.indices[0]))
        if len(ran) == 3:
            raise KeyboardInterrupt
        return one(target, settings)

    monkeypatch.setattr(suite, "craft", craft)
    with pytest.raises(KeyboardInterrupt):
        stage("noise", "resumed")
    assert not list(Path("resumed").iterdir())
    stage("noise", "resumed")
    assert ran == [0, 128, 256, 256, 2], "two blocks of the training images were kept"
    for name in ("train/images.npy", "train/labels.npy", "test/images.npy"):
        assert Path("resumed", name).read_bytes() == Path("whole", name).read_bytes()
    assert not [path for path in Path("cache").rglob("*") if path.is_file()]
