"""The Square attack is the paper's algorithm, image by image, and no weaker than ART's."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.linear import SIDE, level, model

from robust_digits.arrays.perturbation import sizes
from robust_digits.attack import square
from robust_digits.attack.classifier import Classifier, evasion
from robust_digits.attack.square import Square
from robust_digits.learn import networks
from robust_digits.runtime import keras, tf

pytestmark = pytest.mark.usefixtures("tensorflow")

Images = NDArray[np.float32]
Labels = NDArray[np.int64]
NORMS: list[str | int] = ["inf", 2]

PAUSE = 7  # queries between two looks at which images still stand; small, so that short attacks have several


def generators(count: int, *, seed: int = 1) -> list[np.random.Generator]:
    """Return what each image draws from."""
    return [np.random.default_rng((seed, row)) for row in range(count)]


def counted(network: keras.Model) -> tuple[keras.Model, Callable[[], int]]:
    """Return a network to attack, and a function that tells how often it was asked since it was last asked that."""
    calls = tf.Variable(0)

    def count(images: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies([calls.assign_add(1)]):
            return tf.identity(images)

    def asked() -> int:
        number = int(calls.numpy())
        calls.assign(0)
        return number

    layers = [keras.layers.Input(network.input_shape[1:]), keras.layers.Lambda(count), network]
    return keras.Sequential(layers), asked


def convolution(*shape: int, classes: int = 4, seed: int = 0) -> keras.Model:
    """Return a convolutional network with fresh weights."""
    keras.utils.set_random_seed(seed)
    return networks.build("one_convolution", shape=shape, classes=classes)


def photographs(*shape: int) -> Images:
    """Return random images, with pixels so dark and bright that eps does not fit on both sides."""
    return np.random.default_rng(0).uniform(-0.2, 1.2, shape).clip(0, 1).astype(np.float32)


def side_in_the_paper(query: int, height: int, width: int) -> int:
    """Return the side of a square: the share p of the pixels halves at fixed iterations."""
    share = 0.8
    for iteration in (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000):
        if query > iteration:
            share /= 2
    return min(max(round(math.sqrt(share * height * width)), 1), height, width)


def reference(
    ask: Callable[[Images], tf.Tensor],
    image: Images,
    label: int,
    *,
    eps: float,
    queries: int,
    generator: np.random.Generator,
) -> tuple[Images, int]:
    """Return what algorithm 1 of the paper makes of one image, and how many squares it took to break, one at a time.

    An image that was never broken took all of them.
    """
    height, width, channels = image.shape
    either = np.array([-eps, eps], np.float32)

    def lead(tried: Images) -> float:
        logits = ask(tried).numpy()
        return float(max(np.delete(logits, label)) - logits[label])

    best = np.clip(image + generator.choice(either, (1, width, channels)), 0, 1)
    found = lead(best)
    for start in range(0, queries - 1, PAUSE):
        block = range(start, min(start + PAUSE, queries - 1))
        if found > 0:
            return best, start
        sides = np.array([side_in_the_paper(query, height, width) for query in block])
        room = np.stack([height - sides + 1, width - sides + 1] * 2, axis=1)
        places = generator.integers(0, room)
        signs = generator.choice(np.array([-1, 1], np.float32), (len(sides), channels + 1))
        for j, query in enumerate(block):
            down, across = (slice(place, place + sides[j]) for place in places[j, :2])
            shift = np.float32(eps) * signs[j, :-1]
            window = np.clip(image[down, across] + shift, 0, 1)
            if np.array_equal(window, best[down, across]):  # not to be tried again: take the opposite
                window = np.clip(image[down, across] - shift, 0, 1)
            tried = best.copy()
            tried[down, across] = window
            led = lead(tried)
            if led > found:
                best, found = tried, led
                if found > 0:
                    return best, query + 1
    return best, queries - 1


@pytest.mark.parametrize(
    ("shape", "eps"),
    [((12, 8, 8, 1), 0.1), ((12, 8, 8, 3), 0.06), ((12, 6, 10, 1), 0.1), ((12, 12, 6, 2), 0.3)],
    ids=["grey", "colour", "wide", "tall"],
)
def test_same_images_as_the_algorithm_in_the_paper(
    shape: tuple[int, ...], eps: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled and in batches, the attack finds what plain loops over images and queries find with the same draws."""
    monkeypatch.setattr(square, "_PAUSE", PAUSE)
    network, images = convolution(*shape[1:]), photographs(*shape)
    labels = network(images).numpy().argmax(axis=1)
    attack = Square(network, norm="inf")
    found = attack.attack(images, labels, eps=eps, queries=150, generators=generators(len(images)))
    ask = tf.function(lambda tried: network(tried[np.newaxis], training=False)[0], [tf.TensorSpec(shape[1:])])
    taken = []
    for image, label, generator, ours in zip(images, labels, generators(len(images)), found, strict=True):
        expected, squares = reference(ask, image, int(label), eps=eps, queries=150, generator=generator)
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)
        taken.append(squares)
    assert len(set(taken)) > 2, "a good case has images that break at different times"
    assert max(taken) == 149, "and one that does not"


@pytest.mark.parametrize("norm", NORMS)
def test_no_more_questions_than_allowed(norm: str | int) -> None:
    """However long an image stands, the model is asked about it `queries` times at most, the first one included."""
    network, images = level(0.2)
    slow, asked = counted(network)
    attack = Square(slow, norm=norm)
    asked()
    for queries in (1, 2, 100, 101, 250):
        attack.attack(images.images, images.labels, eps=0.1, queries=queries, generators=generators(6))
        assert 1 <= asked() <= queries


def test_broken_images_are_not_asked_about() -> None:
    """When nothing stands any more, the model is left in peace."""
    network, images = level(0.01)
    slow, asked = counted(network)
    attack = Square(slow, norm="inf")
    asked()
    attack.attack(images.images, images.labels, eps=0.3, queries=10_000, generators=generators(6))
    assert asked() < 1000


def striped(found: Images, images: Images, eps: float) -> NDArray[np.bool_]:
    """Return which images are as the first perturbation leaves them: columns of one sign."""
    up = found == np.clip(images + np.float32(eps), 0, 1)
    down = found == np.clip(images - np.float32(eps), 0, 1)
    verdict: NDArray[np.bool_] = (up.all(axis=1) | down.all(axis=1)).all(axis=(1, 2))
    return verdict


def test_broken_images_are_left_alone() -> None:
    """An image that the first stripes break stays striped, while others are attacked further."""
    network, images = convolution(8, 8, 1), photographs(8, 8, 8, 1)
    labels = network(images).numpy().argmax(axis=1)
    labels[:4] = (labels[:4] + 1) % 4
    attack = Square(network, norm="inf")
    found = attack.attack(images, labels, eps=0.01, queries=60, generators=generators(8))
    np.testing.assert_array_equal(striped(found, images, 0.01), [True] * 4 + [False] * 4)


def test_what_leads_no_further_is_not_taken() -> None:
    """Against a model that looks at no pixel every square leads exactly as far: the first stripes stay."""
    images = photographs(6, SIDE, SIDE, 1)
    blind = Square(model(np.zeros(SIDE * SIDE, np.float32), 1.0), norm="inf")
    found = blind.attack(images, np.ones(6, np.int64), eps=0.1, queries=50, generators=generators(6))
    assert striped(found, images, 0.1).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_within_the_ball_and_the_range(channels: int) -> None:
    """In L-infinity every pixel ends at eps from where it was, up or down, or at the end of the range."""
    network, images = convolution(8, 8, channels), photographs(6, 8, 8, channels)
    labels = network(images).numpy().argmax(axis=1)
    before = images.copy()
    attack = Square(network, norm="inf")
    found = attack.attack(images, labels, eps=0.05, queries=150, generators=generators(6))
    np.testing.assert_array_equal(images, before)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1
    assert sizes(found - images, norm="inf").max() <= 0.05 + 1e-6
    ends = np.clip(images[..., np.newaxis] + np.array([-0.05, 0.05], np.float32), 0, 1)
    assert (np.abs(found[..., np.newaxis] - ends).min(axis=-1) < 1e-6).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_the_ball_is_filled_in_l2(channels: int) -> None:
    """In L2 a perturbation is as large as eps allows, but for what the ends of the range take."""
    network = convolution(10, 10, channels)
    images = np.random.default_rng(0).uniform(0.3, 0.7, (6, 10, 10, channels)).astype(np.float32)
    labels = network(images).numpy().argmax(axis=1)
    found = Square(network, norm=2).attack(images, labels, eps=0.5, queries=150, generators=generators(6))
    np.testing.assert_allclose(sizes(found - images, norm=2), 0.5, rtol=1e-3)
    bright = photographs(6, 10, 10, channels)
    found = Square(network, norm=2).attack(bright, labels, eps=0.5, queries=150, generators=generators(6))
    assert sizes(found - bright, norm=2).max() <= 0.5 + 1e-6
    assert found.min() >= 0
    assert found.max() <= 1


def test_channels_move_apart() -> None:
    """The channels of a colour image are given signs of their own."""
    network, images = convolution(8, 8, 3), np.full((6, 8, 8, 3), 0.5, np.float32)
    labels = network(images).numpy().argmax(axis=1)
    attack = Square(network, norm="inf")
    found = attack.attack(images, labels, eps=0.005, queries=100, generators=generators(6))
    signs = np.sign(found - images).reshape(-1, 3)
    assert len(np.unique(signs, axis=0)) == 8


@pytest.mark.parametrize("norm", NORMS)
def test_only_its_generators_draw(norm: str | int) -> None:
    """The same generators give the same bytes, others do not, and numpy's global one is not touched."""
    network, images = convolution(8, 8, 1), photographs(4, 8, 8, 1)
    labels = network(images).numpy().argmax(axis=1)
    attack = Square(network, norm=norm)

    def bytes_of(seed: int) -> bytes:
        found = attack.attack(images, labels, eps=0.05, queries=30, generators=generators(4, seed=seed))
        return found.tobytes()

    np.random.seed(5)  # noqa: NPY002 (the generator that must not be used)
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    first = bytes_of(1)
    assert np.random.random() == expected  # noqa: NPY002
    assert bytes_of(1) == first
    assert bytes_of(2) != first


@pytest.mark.parametrize("norm", NORMS)
def test_an_image_does_not_depend_on_the_others(norm: str | int) -> None:
    """An image that is attacked alone ends as among others: its draws are its own."""
    network, images = convolution(8, 8, 1), photographs(6, 8, 8, 1)
    labels = network(images).numpy().argmax(axis=1)
    attack = Square(network, norm=norm)
    whole = attack.attack(images, labels, eps=0.05, queries=150, generators=generators(6))
    alone = attack.attack(images[4:5], labels[4:5], eps=0.05, queries=150, generators=generators(6)[4:5])
    np.testing.assert_allclose(alone[0], whole[4], rtol=0, atol=1e-6)


def changes(sides: Sequence[int]) -> list[int]:
    """Return where a sequence of sides changes."""
    return [query for query in range(1, len(sides)) if sides[query] != sides[query - 1]]


def test_squares_halve_as_in_the_paper() -> None:
    """On MNIST's images the side starts at sqrt(0.8 * 28 * 28) and shrinks with the root of the paper's schedule."""
    sides = [square.side(query, (28, 28, 1), "inf") for query in range(10_000)]
    assert changes(sides) == [11, 51, 201, 501, 1001, 2001, 4001, 8001]
    assert [sides[query] for query in (0, *changes(sides))] == [25, 18, 13, 9, 6, 4, 3, 2, 1]
    for query in range(10_000):
        assert square.side(query, (32, 20, 3), "inf") == side_in_the_paper(query, 32, 20)


def test_tiles_are_odd_and_have_a_middle() -> None:
    """In L2 the sides follow the same schedule, made odd, and never fall below three pixels."""
    sides = [square.side(query, (28, 28, 1), 2) for query in range(10_000)]
    assert [sides[query] for query in (0, *changes(sides))] == [25, 19, 13, 9, 7, 5, 3]


@given(st.integers(0, 20_000), st.integers(0, 20_000), st.integers(1, 64), st.integers(1, 64), st.sampled_from(NORMS))
def test_squares_fit_the_image(some: int, more: int, height: int, width: int, norm: str | int) -> None:
    """A square is at least a pixel, never larger than the image, and never grows."""
    first, second = (square.side(query, (height, width, 1), norm) for query in sorted((some, more)))
    assert 1 <= second <= first <= min(height, width)


@pytest.mark.parametrize("length", [3, 5, 9, 25])
def test_a_tile_is_a_hill_beside_a_valley(length: int) -> None:
    """A tile has size 1; its upper half is positive, its lower one negative."""
    tile = square.hills(length)
    assert np.linalg.norm(tile) == pytest.approx(1)
    assert (tile[: length // 2] >= 0).all()
    assert (tile[length // 2 :] <= 0).all()


def test_no_weaker_than_arts() -> None:
    """With as many queries, at least as many images fall as to ART's Square attack, which is not all of them.

    ART compresses the schedule of sides into the queries that it has; AutoAttack, and this one, do not.
    """
    network, images = convolution(8, 8, 1, seed=3), photographs(60, 8, 8, 1)
    classifier = Classifier(network)
    labels = classifier.predict(images).argmax(axis=1)
    np.random.seed(0)  # noqa: NPY002 (where ART draws from)
    art = evasion.SquareAttack(classifier, eps=0.08, max_iter=2000, batch_size=60, verbose=False)
    theirs = art.generate(images, labels)
    ours = Square(network, norm="inf").attack(images, labels, eps=0.08, queries=2000, generators=generators(60))
    fallen_to_theirs, fallen_to_ours = (
        np.mean(classifier.predict(found).argmax(axis=1) != labels) for found in (theirs, ours)
    )
    assert 0.2 < fallen_to_theirs < 0.9
    assert fallen_to_ours >= fallen_to_theirs
