"""What is planted is found by sound attacks, and missed by every one that is broken."""

from typing import Any

import numpy as np
import pytest
from support.evaluations import CHOSEN, EPS, SIDE, behind, bent, dense, digits, judged, mirrored, red, under

from robust_digits.attack import losses
from robust_digits.attack.ascent import Ascent
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import Ensemble, Noise, Restarts
from robust_digits.data.images import ImageSet
from robust_digits.judge import indicators, sanity
from robust_digits.learn import networks
from robust_digits.learn.choices import Architecture
from robust_digits.params import Section
from robust_digits.plant import planted
from robust_digits.runtime import keras, tf

pytestmark = pytest.mark.usefixtures("tensorflow")

SUITE: dict[str, Section] = {"autoattack": Ensemble(), "adaptive": Restarts(steps=100, restarts=1)}
PLAIN: dict[str, Section] = {"noise": Noise(draws=1), "pgd": Restarts(steps=40, restarts=1)}


def noise(count: int = 32, *, side: int = 14) -> ImageSet:
    """Return images of noise, a quarter of it black."""
    pixels = np.random.default_rng(0).uniform(-1, 1, (count, side, side, 1)).clip(0, 1).astype(np.float32)
    return ImageSet(pixels, np.arange(count) % 3)


def network(architecture: Architecture = "binarized", *, seed: int = 0) -> keras.Model:
    """Return a network with fresh weights for the noise."""
    keras.utils.set_random_seed(seed)
    return networks.build(architecture, shape=(14, 14, 1), classes=3)


def missed(model: keras.Model, *, attacks: dict[str, Section] = PLAIN, **ball: Any) -> float:  # noqa: ANN401
    """Return the share that is missed of what is planted for the noise, in most of whose balls something is."""
    found = planted.planted(Suite(model, seed=0, **{"eps": EPS, **ball}), noise(), attacks=attacks, seed=0)
    assert found["planted_void"] <= sanity.VOID
    return found["planted_missed"]


@pytest.mark.parametrize("architecture", ["one_convolution", "patches", "binarized"])
def test_sound_attacks_find_what_is_planted(architecture: Architecture) -> None:
    """In every kind of network the suite's AutoPGD finds nearly all."""
    assert missed(network(architecture), attacks=SUITE) <= sanity.MISSED


@pytest.mark.parametrize("eps", [0.5, 3.0])
def test_in_l2(eps: float) -> None:
    """What is planted on the surface of an L2 ball is found too."""
    assert missed(network("strided"), attacks=SUITE, norm=2, eps=eps) <= sanity.MISSED


def test_one_step_is_too_few() -> None:
    """A suite whose attacks take one step misses what is planted behind thresholds, which 40 find."""
    one: dict[str, Section] = {"pgd": Restarts(steps=1, restarts=40)}
    assert missed(network(), attacks=one) > 2 * sanity.MISSED
    assert missed(network()) <= sanity.MISSED


def test_an_attack_that_goes_the_wrong_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attack on the loss with a sign error finds nothing but where it happens to start."""
    margin = losses.margin
    monkeypatch.setattr(losses, "margin", lambda *given: -margin(*given))
    assert missed(network("strided")) > 0.9


@pytest.mark.parametrize("kind", ["mirrored", "idle"])
def test_an_attack_that_returns_something_else(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an attack hands over is judged, not what it says of it."""
    bent(monkeypatch, lambda images, found, *_: mirrored(found, images) if kind == "mirrored" else images)
    assert missed(network("strided")) == 1


def test_an_attack_that_ignores_eps_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing counts as found outside the ball."""
    sound = Ascent.auto
    monkeypatch.setattr(Ascent, "auto", lambda *given, eps, **how: sound(*given, eps=2 * eps, **how))
    with pytest.raises(ValueError, match=r"expected perturbations of Linf size 0\.2 at most, got 0\.[34]"):
        missed(network("strided"))


@pytest.mark.parametrize(("attacks", "share"), [(PLAIN, 1.0), (SUITE, 0.0)], ids=["plain", "adaptive"])
def test_gradients_that_are_hidden(attacks: dict[str, Section], share: float) -> None:
    """Rounded pixels hide what is planted from gradients, but not from the adaptive attack, where the suite has it."""
    rounded = keras.layers.Activation(lambda images: tf.round(16 * images) / 16)
    model = keras.Sequential([keras.layers.Input((14, 14, 1)), rounded, network("strided")])
    assert missed(model, attacks=attacks) == pytest.approx(share, abs=sanity.MISSED)


def test_gradients_that_no_attack_passes() -> None:
    """Where the adaptive attack does not know the layer that hides gradients, all is missed."""
    model = keras.Sequential(
        [
            keras.layers.Input((14, 14, 1)),
            keras.layers.Lambda(lambda images: tf.round(16 * images) / 16),
            network("strided"),
        ]
    )
    assert missed(model, attacks=SUITE) == 1


@pytest.mark.parametrize("norm", ["inf", 2])
def test_what_cannot_be_told_apart_is_not_planted(norm: str | int) -> None:
    """In a ball that a threshold makes one point there is nothing to find, so that nothing is said for the attack."""
    still = keras.layers.Lambda(lambda images: tf.cast(images > 0.9, tf.float32))  # no pixel of the digits is near
    model = keras.Sequential([keras.layers.Input((SIDE, SIDE, 1)), still, dense()])
    found = planted.planted(Suite(model, eps=0.1, seed=0, norm=norm), digits(), attacks=PLAIN, seed=0)
    assert found["planted_void"] == 1
    assert np.isnan(found["planted_missed"])


def test_what_noise_finds_is_not_planted() -> None:
    """Features that tell how far, but not which way, would let noise find what is planted."""
    far = keras.layers.Lambda(lambda images: tf.reduce_mean((images - 0.5) ** 2, axis=(1, 2)))
    model = keras.Sequential([keras.layers.Input((SIDE, SIDE, 1)), far, keras.layers.Dense(3)])
    grey = ImageSet(np.full((20, SIDE, SIDE, 1), 0.5, np.float32), np.zeros(20, np.int64))
    assert planted.planted(under(model), grey, attacks=PLAIN, seed=0)["planted_void"] == 1


def test_a_suite_that_takes_no_steps() -> None:
    """Without an attack that takes steps there is nothing to test, and nothing is measured."""
    attacks: dict[str, Section] = {"noise": Noise(draws=1)}
    assert planted.planted(under(dense()), digits(), attacks=attacks, seed=0) == {}


def test_same_seed_same_numbers() -> None:
    """Draws depend on the seed and the image; those of another seed are others."""
    one: dict[str, Section] = {"pgd": Restarts(steps=2, restarts=1)}
    suite = Suite(network(), eps=EPS, seed=0)
    first, again, other = (planted.planted(suite, noise(), attacks=one, seed=seed) for seed in (3, 3, 4))
    assert first == again != other


def test_a_layer_that_other_models_use_too() -> None:
    """The network's last layer is left out though it is part of another model."""
    inner = dense()
    keras.Sequential([keras.layers.Input((SIDE, SIDE, 1)), keras.layers.Rescaling(2.0), *inner.layers])
    assert planted.planted(under(inner), digits(), attacks=PLAIN, seed=0)["planted_missed"] == 0


def test_the_check_is_red_where_gradients_are_hidden() -> None:
    """A layer in front that no attack passes turns two checks red: what is planted is missed, and no loss rises."""
    found = judged(under(behind(lambda images: tf.round(16 * images) / 16)), digits(), chosen={"pgd": CHOSEN["pgd"]})
    table = sanity.checks(found, control=False)
    assert {"planted", "loss_rises"} <= red(found)
    assert table["planted"].measured == 1
    assert table["loss_rises"].measured == 1


def test_a_loss_that_never_rises() -> None:
    """On a model without a gradient the loss stays where it was; on a sound one it rises for every image."""
    flat, sound = under(behind(tf.stop_gradient)), under(dense())
    assert indicators.trajectory(flat, digits(), seed=0) == {"loss_never_rose": 1, "best_thrown_away": 0}
    assert indicators.trajectory(sound, digits(), seed=0) == {"loss_never_rose": 0, "best_thrown_away": 0}


def test_a_best_place_that_is_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attack that saw the model break, or a larger loss, and returns the image as it was, is found out."""
    bent(monkeypatch, lambda images, *_: images)
    assert indicators.trajectory(under(dense()), digits(), seed=0)["best_thrown_away"] > 0.9
    found = judged(under(dense()), digits(), chosen={"noise": Noise(draws=1)})
    assert "best_kept" in red(found)


def test_answers_that_depend_on_the_row() -> None:
    """A model that adds to each image what depends on its row of the batch answers the same twice, and is found out."""

    def shifted(images: tf.Tensor) -> tf.Tensor:
        shift = tf.cast(tf.range(tf.shape(images)[0]), tf.float32) / 1000
        return images + shift[:, None, None, None]

    measured = indicators.answers(under(behind(shifted)).model, digits())
    assert measured["difference_on_repeat"] == 0
    assert measured["difference_between_rows"] > 1e-3
    assert indicators.answers(under(dense()).model, digits())["difference_between_rows"] < 1e-5
