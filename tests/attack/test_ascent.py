"""AutoPGD and projected gradient descent find the smallest perturbation of a linear model, and follow their papers."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from support.linear import gradient, level
from support.linear import model as linear_model

from robust_digits.arrays.perturbation import sizes
from robust_digits.attack import losses
from robust_digits.attack.ascent import Ascent, random_start
from robust_digits.attack.classifier import Classifier, evasion
from robust_digits.attack.losses import Loss
from robust_digits.data.images import ImageSet
from robust_digits.learn import networks
from robust_digits.runtime import keras, tf

pytestmark = pytest.mark.usefixtures("tensorflow")

Images = NDArray[np.float32]
NORMS: list[str | int] = ["inf", 2]
KINDS = ["auto", "plain"]
EPS = 0.3


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Return a network with fresh weights."""
    keras.utils.set_random_seed(0)
    return networks.build("one_convolution", shape=(12, 12, 1), classes=5)


@pytest.fixture(scope="module")
def images(model: keras.Model) -> ImageSet:
    """Return noise, with pixels that are exactly 0 and 1 in it, and what the network says of it."""
    pixels = np.random.default_rng(0).uniform(-0.5, 1.5, (20, 12, 12, 1)).clip(0, 1).astype(np.float32)
    return ImageSet(pixels, Classifier(model).predict(pixels).argmax(axis=1))


def starts(images: ImageSet, *, norm: str | int, eps: float = EPS) -> Images:
    """Return a random place in the ball of each image."""
    generator = np.random.default_rng(7)
    return np.array([random_start(generator, image, norm=norm, eps=eps) for image in images.images])


@pytest.mark.parametrize(
    ("kind", "norm", "slack"),
    [("auto", "inf", 0.02), ("auto", 2, 0.02), ("plain", "inf", 0.02), ("plain", 2, 0.05)],
)
@pytest.mark.parametrize("seed", range(3))
def test_smallest_perturbation_on_a_linear_model(kind: str, norm: str | int, slack: float, seed: int) -> None:
    """Every image flips just above its distance to the boundary, and none just below, from a random start.

    In L2, plain steps of 2.5 eps along the sphere turn 125 degrees into 18, whose cosine is 0.95.
    """
    distance = 0.05
    linear, images = level(distance, seed)
    if norm == 2:
        distance *= float(np.abs(gradient(seed)).sum() / np.linalg.norm(gradient(seed)))
    ascent = Ascent(linear, losses.margin, norm=norm)
    for factor, flips in ((0.98, False), (1 + slack, True)):
        eps = distance * factor
        climb = getattr(ascent, kind)
        found = climb(images.images, images.labels, start=starts(images, norm=norm, eps=eps), eps=eps, steps=40).images
        assert ((Classifier(linear).predict(found).argmax(axis=1) != images.labels) == flips).all()
        assert sizes(found - images.images, norm=norm).max() <= eps + 1e-6
        assert found.min() >= 0
        assert found.max() <= 1


@pytest.mark.parametrize("steps", [1, 2, 20])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("norm", NORMS)
def test_within_the_ball_and_the_range(
    model: keras.Model, images: ImageSet, norm: str | int, kind: str, steps: int
) -> None:
    """However long its steps, an ascent stays within eps and [0, 1], and leaves the images it was given alone."""
    before, start = images.images.copy(), starts(images, norm=norm)
    climb = getattr(Ascent(model, losses.cross_entropy, norm=norm), kind)
    found = climb(images.images, images.labels, start=start, eps=EPS, steps=steps).images
    assert found.dtype == np.float32
    assert found.shape == images.images.shape
    assert sizes(found - images.images, norm=norm).max() <= EPS + 1e-6
    assert found.min() >= 0
    assert found.max() <= 1
    np.testing.assert_array_equal(images.images, before)


def test_plain_steps_are_the_basic_iterative_method() -> None:
    """Where no image breaks, steps of 2.5 eps / steps from the images themselves end where ART's class ends."""
    linear, images = level(0.2)
    attack = evasion.BasicIterativeMethod(
        Classifier(linear), eps=0.05, eps_step=2.5 * 0.05 / 10, max_iter=10, batch_size=6, verbose=False
    )
    expected = attack.generate(images.images, images.labels)
    ascent = Ascent(linear, losses.cross_entropy, norm="inf")
    found = ascent.plain(images.images, images.labels, start=images.images, eps=0.05, steps=10).images
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


class Climb(NamedTuple):
    """Where a climb ended: the best image, and the loss at the start, at the end, and at its best."""

    image: Images
    first: float
    last: float
    best: float


Slope = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def slope_of(model: keras.Model, loss: Loss) -> Slope:
    """Return what gives the loss of one image, and its gradient."""

    def slope(place: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(place)
            value = loss(model(place[tf.newaxis], training=False), label[tf.newaxis], label[tf.newaxis])[0]
        return value, tape.gradient(value, place)

    compiled: Slope = tf.function(slope)
    return compiled


def algorithm(slope_at: Slope, image: Images, label: int, *, start: Images, eps: float, steps: int) -> Climb:
    """Return what algorithm 1 of the paper makes of one image in L-infinity, line by line."""

    def look(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, slope = slope_at(tf.constant(at, tf.float32), tf.constant(label, tf.int64))
        return float(value), slope.numpy().astype(np.float64)

    def project(at: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip(np.clip(at, image - eps, image + eps), 0, 1)

    checkpoints, gap, until = set(), int(0.22 * steps), 0  # p_(j+1) = p_j + max(p_j - p_(j-1) - 0.03, 0.06)
    while until + gap <= steps:
        until += gap
        checkpoints.add(until)
        gap = max(gap - int(0.03 * steps), int(0.06 * steps))
    before = at = start.astype(np.float64)
    value, slope = look(at)
    first, best_value, best, size = value, value, at, 2 * eps
    rises, last_look, size_then, best_then = 0, 0, size, value
    for k in range(steps):
        up = project(at + size * np.sign(slope))
        moved = up if k == 0 else project(at + 0.75 * (up - at) + 0.25 * (at - before))
        before, at = at, moved
        new, slope = look(at)
        rises += new > value
        value = new
        if value > best_value:
            best_value, best = value, at
        if k + 1 in checkpoints:
            halve = rises <= 0.75 * (k + 1 - last_look) or (
                last_look > 0 and size == size_then and best_value == best_then
            )
            size_then, best_then = size, best_value
            if halve:
                size /= 2
                at = best
                _, slope = look(at)
            rises, last_look = 0, k + 1
    return Climb(best.astype(np.float32), first, value, best_value)


@pytest.mark.parametrize("loss", [losses.cross_entropy, losses.logits_ratio])
def test_auto_is_the_algorithm_of_the_paper(model: keras.Model, images: ImageSet, loss: Loss) -> None:
    """Compiled and in batches, an ascent that breaks nothing ends where plain loops over steps and images end."""
    eps, steps, few = 0.003, 50, images[:6]
    start = starts(few, norm="inf", eps=eps)
    trail = Ascent(model, loss, norm="inf").auto(few.images, few.labels, start=start, eps=eps, steps=steps)
    assert (Classifier(model).predict(trail.images).argmax(axis=1) == few.labels).all(), "a case in which all stand"
    slope = slope_of(model, loss)
    climbs = [
        algorithm(slope, image, int(label), start=place, eps=eps, steps=steps)
        for image, label, place in zip(few.images, few.labels, start, strict=True)
    ]
    np.testing.assert_allclose(trail.first, [each.first for each in climbs], rtol=1e-4)
    np.testing.assert_allclose(trail.best, [each.best for each in climbs], rtol=1e-3)
    close = np.isclose(trail.images, [each.image for each in climbs], rtol=0, atol=1e-5)
    assert close.mean() > 0.99, "a sign may flip where a slope is nearly zero"


def test_auto_halves_its_step_where_the_paper_does() -> None:
    """On a rugged loss, where from none to all of the steps lead up, steps are as long as in plain loops."""
    layer = keras.layers.Dense(2)
    model = keras.Sequential([keras.layers.Input((1, 1, 1)), keras.layers.Flatten(), layer])
    layer.set_weights([np.array([[0.0, 1.0]]), np.array([9.0, 0.0])])  # the pixel as a logit, never the largest
    images, eps, steps = np.linspace(0.3, 0.7, 64, dtype=np.float32).reshape(-1, 1, 1, 1), 0.3, 100

    def rugged(logits: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        return tf.sin(40.0 * logits[:, 1]) + logits[:, 1]

    labels = np.zeros(len(images), np.int64)
    trail = Ascent(model, rugged, norm="inf").auto(images, labels, start=images, eps=eps, steps=steps)
    slope = slope_of(model, rugged)
    climbs = [algorithm(slope, image, 0, start=image, eps=eps, steps=steps) for image in images]
    np.testing.assert_allclose(trail.last, [each.last for each in climbs], atol=1e-3)


@pytest.mark.parametrize("norm", NORMS)
def test_the_loss_is_of_the_labels_it_is_given(model: keras.Model, images: ImageSet, norm: str | int) -> None:
    """The trail tells the loss at the start and the largest on the way, which is no smaller, for these labels."""
    start = starts(images, norm=norm, eps=0.01)
    trail = Ascent(model, losses.cross_entropy, norm=norm).auto(
        images.images, images.labels, start=start, eps=0.01, steps=10
    )
    logits = Classifier(model).predict(start).astype(np.float64)
    expected = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(logits)), images.labels]
    np.testing.assert_allclose(trail.first, expected, rtol=1e-4)
    assert (trail.best >= trail.first).all()
    assert (trail.best >= trail.last).all()
    assert (trail.best > trail.first).any()


def test_an_ascent_ends_when_everything_is_broken() -> None:
    """An image that falls is returned as it fell, and when none stands no further step is made."""
    calls = tf.Variable(0)

    def count(images: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies([calls.assign_add(1)]):
            return tf.identity(images)

    linear, images = level(0.05)
    counted = keras.Sequential([keras.layers.Input(linear.input_shape[1:]), keras.layers.Lambda(count), linear])
    ascent = Ascent(counted, losses.margin, norm="inf")
    calls.assign(0)
    found = ascent.auto(images.images, images.labels, start=images.images, eps=0.1, steps=100).images
    assert (Classifier(linear).predict(found).argmax(axis=1) != images.labels).all()
    assert int(calls.numpy()) == 2, "at the start, and after the one step that breaks all"


def test_a_targeted_loss_leads_to_its_target() -> None:
    """The class that is named gains on the true one, whichever of the two wrong ones it is."""
    layer = keras.layers.Dense(3, kernel_initializer=keras.initializers.Orthogonal(seed=0))
    linear = keras.Sequential([keras.layers.Input((4, 4, 1)), keras.layers.Flatten(), layer])
    images = np.random.default_rng(0).uniform(0.4, 0.6, (9, 4, 4, 1)).astype(np.float32)
    classifier = Classifier(linear)
    clean, rows, eps = classifier.predict(images), np.arange(9), 0.001
    labels, ascent = clean.argmax(axis=1), Ascent(linear, losses.targeted_logits_ratio, norm="inf")
    for shift in (1, 2):
        targets = (labels + shift) % 3
        found = ascent.auto(images, labels, start=images, eps=eps, steps=20, targets=targets).images
        logits = classifier.predict(found)
        lead = logits[rows, targets] - logits[rows, labels]
        assert (lead > clean[rows, targets] - clean[rows, labels]).all()


def test_another_slope_is_followed() -> None:
    """Where the model hides its gradient, an ascent that is given one elsewhere breaks what the plain one cannot."""
    linear, images = level(0.05)
    hidden = keras.Sequential(
        [keras.layers.Input(linear.input_shape[1:]), keras.layers.Lambda(tf.stop_gradient), linear]
    )

    def led(ascent: Ascent) -> Images:
        return ascent.auto(images.images, images.labels, start=images.images, eps=0.06, steps=5).images

    np.testing.assert_array_equal(led(Ascent(hidden, losses.margin, norm="inf")), images.images)
    seeing = led(Ascent(hidden, losses.margin, norm="inf", slope=linear))
    assert (Classifier(linear).predict(seeing).argmax(axis=1) != images.labels).all()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_that_is_no_number_leads_nowhere(norm: str | int, kind: str) -> None:
    """Pixels whose gradient is NaN stay where they are, and the others are moved as ever."""
    linear, images = level(0.05)

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def spoilt(pixels: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        first = tf.one_hot(0, 4, on_value=np.nan, off_value=1.0)
        return pixels, lambda upstream: upstream * first[None, :, None, None]

    ascent = Ascent(linear, losses.margin, norm=norm, slope=lambda pixels: linear(spoilt(pixels)))
    found = getattr(ascent, kind)(images.images, images.labels, start=images.images, eps=0.01, steps=3).images
    np.testing.assert_array_equal(found[:, 0], images.images[:, 0])
    assert (found[:, 1:] != images.images[:, 1:]).any()
    assert np.isfinite(found).all()


@pytest.mark.parametrize("norm", NORMS)
def test_random_starts_lie_on_the_surface(norm: str | int) -> None:
    """A start is as far from the image as eps allows, in another direction each time, and in the range."""
    generator, image = np.random.default_rng(0), np.full((4, 4, 1), 0.5, np.float32)
    first, second = (random_start(generator, image, norm=norm, eps=0.25) for _ in range(2))
    for place in (first, second):
        assert sizes((place - image)[None], norm=norm)[0] == pytest.approx(0.25, rel=1e-5)
    assert not np.array_equal(first, second)
    dark = random_start(generator, np.zeros((4, 4, 1), np.float32), norm=norm, eps=0.25)
    assert dark.min() == 0


def test_the_logits_ratio_sees_where_the_cross_entropy_is_flat() -> None:
    """On a linear model so steep that the cross-entropy has no gradient, the logits ratio still leads up."""
    _, images = level(0.05)
    steep = gradient() * 1e6
    model = linear_model(steep, -float(steep.sum() / 2))

    def broken(loss: Loss) -> NDArray[np.bool_]:
        ascent = Ascent(model, loss, norm="inf")
        found = ascent.auto(images.images, images.labels, start=images.images, eps=0.06, steps=10).images
        verdict: NDArray[np.bool_] = Classifier(model).predict(found).argmax(axis=1) != images.labels
        return verdict

    assert not broken(losses.cross_entropy).any()
    assert broken(losses.logits_ratio).all()
