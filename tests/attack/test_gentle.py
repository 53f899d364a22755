"""An adaptive attack sees through what is flat in front of a network, and nothing else of the network is changed."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from support.attacks import mistakes
from support.linear import SIDE, gradient
from support.linear import model as linear_model

from robust_digits.arrays.perturbation import sizes
from robust_digits.attack import gentle, losses
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import Restarts
from robust_digits.attack.target import Victim
from robust_digits.data.images import ImageSet
from robust_digits.learn import networks
from robust_digits.learn.choices import Architecture
from robust_digits.runtime import keras, tf

pytestmark = pytest.mark.usefixtures("tensorflow")

Images = NDArray[np.float32]
Front = Callable[[], list[keras.layers.Layer]]
layers = keras.layers
EPS, DISTANCE = 0.35, 0.2  # of the ball, and of each pixel from where a threshold begins to rise


def constant(slope: float, bias: float, *, of: str = "kernel") -> dict[str, keras.initializers.Initializer]:
    """Return what gives a layer of one weight this slope and bias."""
    return {
        f"{of}_initializer": keras.initializers.Constant(slope),
        "bias_initializer": keras.initializers.Constant(bias),
    }


def after(harmless: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Return a threshold behind a layer that changes no pixel."""
    return [harmless, layers.Discretization([0.5]), layers.Rescaling(1.0)]


FLAT: dict[str, Front] = {  # all black below 0.4 and white above 0.6, without any slope left there
    "a step": lambda: [layers.Discretization([0.5]), layers.Rescaling(1.0)],
    "an activation": lambda: [layers.Rescaling(10.0, -5.0), layers.Activation("hard_tanh"), layers.Rescaling(0.5, 0.5)],
    "clipping": lambda: [
        *(layers.Rescaling(-5.0, 3.0), layers.ReLU()),
        *(layers.Rescaling(-1.0, 1.0), layers.ReLU()),
    ],
    "a convolution": lambda: [pointwise(30.0, -15.0, activation="hard_sigmoid")],
    "a dense layer of channels": lambda: [layers.Dense(1, "hard_sigmoid", **constant(30.0, -15.0))],
    "a convolution of each channel": lambda: [
        layers.DepthwiseConv2D(1, activation="hard_sigmoid", **constant(30.0, -15.0, of="depthwise"))
    ],
    "behind an identity": lambda: after(layers.Identity()),
    "behind a normalization": lambda: after(layers.BatchNormalization(epsilon=0.0)),
    "behind noise": lambda: after(layers.GaussianNoise(0.1)),
    "behind a dropout": lambda: after(layers.SpatialDropout2D(0.1)),
    "behind another shape": lambda: after(layers.Reshape((SIDE, SIDE, 1))),
    "behind no padding": lambda: after(layers.ZeroPadding2D(0)),
    "behind flat pixels": lambda: after(layers.Flatten()),
    "a model inside": lambda: [keras.Sequential([layers.Rescaling(10.0, -5.0), layers.Activation("hard_tanh")])],
}


def pointwise(slope: float, bias: float = 0.0, *, activation: str = "linear") -> keras.layers.Layer:
    """Return a convolution of single pixels."""
    return layers.Conv2D(1, 1, activation=activation, **constant(slope, bias))


def behind(front: list[keras.layers.Layer]) -> keras.Model:
    """Return a linear model of the pixels as the layers in front of it change them."""
    linear = linear_model(gradient(), -float(gradient().sum() / 2))
    return keras.Sequential([layers.Input((SIDE, SIDE, 1)), *front, *linear.layers])


def thresholded(count: int = 6) -> ImageSet:
    """Return images of nearly black and nearly white pixels, as the two classes of the linear model have them."""
    labels = np.arange(count) % 2
    bright = (gradient() > 0) == labels[:, None]
    noise = np.random.default_rng(0).uniform(-0.02, 0.02, bright.shape)
    pixels = np.where(bright, 0.6 + DISTANCE, 0.4 - DISTANCE) + noise
    return ImageSet(pixels.reshape(count, SIDE, SIDE, 1).astype(np.float32), labels)


def slope(network: Callable[[tf.Tensor], tf.Tensor], images: Images) -> Images:
    """Return the gradient by each image of the logit of class 1 less that of class 0."""
    with tf.GradientTape() as tape:
        pixels = tf.constant(images)
        tape.watch(pixels)
        logits = network(pixels)
        lead = tf.reduce_sum(logits[:, 1] - logits[:, 0])
    found: Images = tape.gradient(lead, pixels, unconnected_gradients=tf.UnconnectedGradients.ZERO).numpy()
    return found


def images() -> Images:
    """Return images that use the whole range."""
    return np.random.default_rng(0).random((20, SIDE, SIDE, 1), np.float32)


@pytest.mark.parametrize("front", FLAT.values(), ids=FLAT)
def test_what_is_flat_in_front_is_seen_through(front: Front) -> None:
    """Where a network has no slope at all, the gentle one climbs as the linear model behind it does."""
    model, whole = behind(front()), thresholded()
    assert not slope(lambda pixels: model(pixels, training=False), whole.images).any()
    climbs = np.sign(slope(gentle.network(model), whole.images)).reshape(len(whole), -1)
    np.testing.assert_array_equal(climbs, np.broadcast_to(np.sign(gradient()), climbs.shape))


@pytest.mark.parametrize("front", ["a step", "clipping"])
def test_the_adaptive_attack_breaks_what_hides_its_gradients(front: str) -> None:
    """Where thresholds leave no slope AutoPGD on the network breaks nothing, and the adaptive attack every image."""
    attacks, whole = Suite(behind(FLAT[front]()), eps=EPS, seed=0), thresholded()
    assert not mistakes(attacks, whole.images, whole).any()
    settings = Restarts(steps=20, restarts=1)
    blind, seeing = (attacks.attack(name, settings, whole, whole.images).images for name in ("apgd_ce", "adaptive"))
    assert not mistakes(attacks, blind, whole).any()
    assert mistakes(attacks, seeing, whole).all()
    assert sizes(seeing - whole.images, norm="inf").max() <= EPS + 1e-6
    assert seeing.min() >= 0
    assert seeing.max() <= 1


@pytest.mark.parametrize("front", FLAT.values(), ids=FLAT)
def test_the_answers_are_the_models(front: Front) -> None:
    """The logits are the network's own, to the bit, at the thresholds too."""
    model = behind(front())
    pixels = images()
    pixels[0] = np.linspace(0.4, 0.6, SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE, 1)
    np.testing.assert_array_equal(gentle.network(model)(pixels), model(pixels, training=False))


@pytest.mark.parametrize("architecture", ["strided", "thresholded", "binarized"])
def test_the_answers_of_networks_are_their_own(architecture: Architecture) -> None:
    """The same is true of whole networks, whatever stands in front of them."""
    keras.utils.set_random_seed(0)
    model = networks.build(architecture, shape=(12, 12, 1), classes=5)
    pixels = np.random.default_rng(0).random((8, 12, 12, 1), np.float32)
    np.testing.assert_array_equal(gentle.network(model)(pixels), model(pixels, training=False))


def test_the_slope_of_a_bend_is_made_larger() -> None:
    """A bend passes its own slope and a share more: the share alone where it is flat, and in turn if it is repeated."""
    pixels, weights = images(), gradient().reshape(SIDE, SIDE, 1)
    above = pixels > 0.5
    for activation, own in (("relu", above), ("linear", np.ones_like(above))):
        bent = behind([layers.Rescaling(1.0, -0.5), layers.Activation(activation)])
        np.testing.assert_allclose(slope(bent, pixels), weights * own, rtol=1e-5)
    once = behind([layers.Rescaling(1.0, -0.5), layers.ReLU()])
    np.testing.assert_allclose(slope(gentle.network(once), pixels), weights * (above + gentle.SLOPE), rtol=1e-5)
    twice = behind([layers.Rescaling(1.0, -0.5), layers.ReLU(), layers.ReLU()])
    np.testing.assert_allclose(slope(gentle.network(twice), pixels), weights * (above + gentle.SLOPE) ** 2, rtol=1e-5)


def test_a_convolution_is_bent_by_its_activation_alone() -> None:
    """Weights of single pixels pass gradients as they are, with their sign; only what bends behind them is gentle."""
    pixels, weights = images(), gradient().reshape(SIDE, SIDE, 1)
    bent = behind([pointwise(-2.0, 1.0, activation="relu")])
    below = pixels < 0.5
    np.testing.assert_allclose(slope(gentle.network(bent), pixels), -2 * weights * (below + gentle.SLOPE), rtol=1e-5)


def test_without_a_bend_in_front_the_gradient_is_the_models() -> None:
    """What bends behind the first layer that looks at several pixels is the network's own business."""
    keras.utils.set_random_seed(0)
    model = networks.build("strided", shape=(SIDE, SIDE, 1), classes=2)
    assert not gentle.bends(model)
    np.testing.assert_allclose(slope(gentle.network(model), images()), slope(model, images()), atol=1e-7)


@pytest.mark.parametrize("front", FLAT.values(), ids=FLAT)
def test_the_network_stays_as_it_was(front: Front) -> None:
    """Looking through a network leaves its own gradients flat, and what would be saved of it as it was."""
    model = behind(front())
    before, pixels = model.get_config(), thresholded().images
    assert slope(gentle.network(model), pixels).any()
    assert not slope(model, pixels).any()
    assert model.get_config() == before


def test_the_network_stays_as_it_was_after_an_error() -> None:
    """Images of another shape are refused as ever, and leave nothing of the gentle slope behind."""
    model = behind(FLAT["a convolution"]())
    with pytest.raises(ValueError, match="incompatible"):
        gentle.network(model)(np.zeros((2, SIDE + 1, SIDE, 1), np.float32))
    assert not slope(model, thresholded().images).any()


def named(model: keras.Model) -> list[str]:
    """Return the kinds of the layers in front of a network."""
    return [type(layer).__name__ for layer in gentle.front(model)]


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("thresholded", ["Conv2D"]),
        ("binarized", ["Rescaling", "LeakyReLU"] * 2),
        ("strided", []),
        ("patches", []),
        ("fully_connected", ["Flatten"]),
    ],
)
def test_the_front_of_networks(architecture: Architecture, expected: list[str]) -> None:
    """Thresholds of pixels are found in front of the networks that have them, and nothing in front of others."""
    assert named(networks.build(architecture, shape=(28, 28, 1), classes=10)) == expected


@pytest.mark.parametrize(
    "first",
    [
        lambda: layers.Conv2D(2, 3),
        lambda: layers.Conv2D(2, (1, 2)),
        lambda: layers.Conv2D(2, 1, strides=2),
        lambda: layers.MaxPool2D(2),
    ],
    ids=["convolution", "oblong convolution", "stride", "pool"],
)
def test_the_front_ends_where_a_layer_looks_at_several_pixels(first: Callable[[], keras.layers.Layer]) -> None:
    """What comes behind the first layer that mixes or leaves out pixels is not in front, though it be of its kind."""
    inner = keras.Sequential([pointwise(2.0), layers.ReLU()])
    behind_it = [layers.ReLU(), layers.Flatten(), layers.Dense(2)]
    model = keras.Sequential([layers.Input((SIDE, SIDE, 1)), layers.Rescaling(2.0), inner, first(), *behind_it])
    assert named(model) == ["Rescaling", "Conv2D", "ReLU"]


def test_an_adaptive_ascent_is_another_only_where_something_bends() -> None:
    """Without a bend in front the adaptive attack climbs by the ascent that is compiled already."""
    plain = Victim(networks.build("strided", shape=(SIDE, SIDE, 1), classes=2), norm="inf", eps=0.1)
    assert plain.ascent(losses.margin, adaptive=True) is plain.ascent(losses.margin)
    bent = Victim(networks.build("thresholded", shape=(SIDE, SIDE, 1), classes=2), norm="inf", eps=0.1)
    assert bent.ascent(losses.margin, adaptive=True) is not bent.ascent(losses.margin)
    assert bent.ascent(losses.margin, adaptive=True) is bent.ascent(losses.margin, adaptive=True)
