"""The Square attack is the paper's algorithm, image by image, and no weaker than ART's."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.linear import SIDE, level, model

from robust_digits.attack import square
from robust_digits.attack.classifier import Classifier, evasion
from robust_digits.attack.perturbation import sizes
from robust_digits.attack.square import Square
from robust_digits.learn import networks
from robust_digits.runtime import keras, tf

pytestmark = pytest.mark.usefixtures("tensorflow")

Images = NDArray[np.float32]
Labels = NDArray[np.int64]

BLOCK = 7  # queries between two looks at which images still stand; small, so that short attacks have several blocks


def counted(network: keras.Model) -> tuple[Classifier, Callable[[], int]]:
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
    return Classifier(keras.Sequential(layers)), asked


def convolution(*shape: int, classes: int = 4, seed: int = 0) -> keras.Model:
    """Return a convolutional network with fresh weights."""
    keras.utils.set_random_seed(seed)
    return networks.build("one_convolution", shape=shape, classes=classes)


def photographs(*shape: int) -> Images:
    """Return random images, with pixels so dark and bright that eps does not fit on both sides."""
    return np.random.default_rng(0).uniform(-0.2, 1.2, shape).clip(0, 1).astype(np.float32)


def side_in_the_paper(query: int, queries: int, height: int, width: int) -> int:
    """Return the side of a square: the share p of the pixels halves at fixed iterations of ten thousand."""
    share = 0.8
    for iteration in (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000):
        if query * 10000 > iteration * queries:
            share /= 2
    return min(max(round(math.sqrt(share * height * width)), 1), height, width)


def reference(
    network: keras.Model,
    images: Images,
    labels: Labels,
    *,
    eps: float,
    queries: int,
    squares: int,
    generator: np.random.Generator,
) -> tuple[Images, NDArray[np.int64]]:
    """Return what algorithm 1 of the paper makes of the images, and how many squares each took to break.

    One image and one query at a time. `queries` sets the pace at which squares shrink, `squares` is how many are
    tried. An image that was never broken took `squares`.
    """
    count, height, width, channels = images.shape
    either = np.array([-eps, eps], np.float32)

    def lead(image: Images, label: int) -> float:
        logits = network(image[np.newaxis], training=False).numpy()[0]
        return float(max(np.delete(logits, label)) - logits[label])

    best = np.clip(images + generator.choice(either, (count, 1, width, channels)), 0, 1)
    leads = [lead(image, label) for image, label in zip(best, labels, strict=True)]
    taken = np.array([0 if value > 0 else squares for value in leads])
    for start in range(0, squares, BLOCK):
        standing = [i for i in range(count) if leads[i] <= 0]
        block = range(start, min(start + BLOCK, squares))
        sides = [side_in_the_paper(query, queries, height, width) for query in block]
        shape = len(block), len(standing)
        rows = generator.integers(0, height + 1 - np.array(sides)[:, np.newaxis], shape)
        columns = generator.integers(0, width + 1 - np.array(sides)[:, np.newaxis], shape)
        shifts = generator.choice(either, (*shape, channels))
        for j, query in enumerate(block):
            for k, i in enumerate(standing):
                if leads[i] > 0:
                    continue
                down = slice(rows[j, k], rows[j, k] + sides[j])
                across = slice(columns[j, k], columns[j, k] + sides[j])
                window = np.clip(images[i, down, across] + shifts[j, k], 0, 1)
                if np.array_equal(window, best[i, down, across]):  # not to be tried again: take the opposite
                    window = np.clip(images[i, down, across] - shifts[j, k], 0, 1)
                tried = best[i].copy()
                tried[down, across] = window
                found = lead(tried, labels[i])
                if found > leads[i]:
                    best[i], leads[i] = tried, found
                    if found > 0:
                        taken[i] = query + 1
    return best, taken


@pytest.mark.parametrize(
    ("shape", "eps"),
    [((6, 8, 8, 1), 0.1), ((6, 8, 8, 3), 0.06), ((6, 6, 10, 1), 0.1), ((6, 12, 6, 2), 0.4)],
    ids=["grey", "colour", "wide", "tall"],
)
def test_same_images_as_the_algorithm_in_the_paper(
    shape: tuple[int, ...], eps: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled and in batches, the attack finds what plain loops over images and queries find with the same draws."""
    monkeypatch.setattr(square, "_BLOCK", BLOCK)
    network, images = convolution(*shape[1:]), photographs(*shape)
    labels = network(images).numpy().argmax(axis=1)
    classifier, asked = counted(network)
    asked()
    found = Square(classifier).attack(images, labels, eps=eps, queries=40, generator=np.random.default_rng(1))
    squares = asked() - 1
    assert 39 <= squares <= 40
    expected, taken = reference(
        network, images, labels, eps=eps, queries=40, squares=squares, generator=np.random.default_rng(1)
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert len(set(taken)) > 2, "a good case has images that break at different times"
    assert max(taken) == squares, "and one that does not"


def test_no_more_questions_than_allowed() -> None:
    """However long an image stands, the model is asked about it `queries` times, the first stripes included."""
    network, images = level(0.2)
    classifier, asked = counted(network)
    attack = Square(classifier)
    asked()
    numbers = []
    for queries in (1, 2, 100, 101, 250):
        generator = np.random.default_rng(0)
        attack.attack(images.images, images.labels, eps=0.1, queries=queries, generator=generator)
        numbers.append(asked())
    assert numbers == [1, 2, 100, 101, 250]


def test_broken_images_are_not_asked_about() -> None:
    """When nothing stands any more, the model is left in peace."""
    network, images = level(0.01)
    classifier, asked = counted(network)
    asked()
    Square(classifier).attack(images.images, images.labels, eps=0.3, queries=10_000, generator=np.random.default_rng(0))
    assert asked() < 1000


def test_broken_images_are_left_alone() -> None:
    """An image that the first stripes break stays striped, while others are attacked further."""
    network, images = convolution(8, 8, 1), photographs(8, 8, 8, 1)
    labels = network(images).numpy().argmax(axis=1)
    labels[:4] = (labels[:4] + 1) % 4
    found = Square(Classifier(network)).attack(images, labels, eps=0.01, queries=60, generator=np.random.default_rng(0))
    up = found == np.clip(images + np.float32(0.01), 0, 1)
    down = found == np.clip(images - np.float32(0.01), 0, 1)
    striped = (up.all(axis=1) | down.all(axis=1)).all(axis=(1, 2))
    np.testing.assert_array_equal(striped, [True] * 4 + [False] * 4)


def test_what_leads_no_further_is_not_taken() -> None:
    """Against a model that looks at no pixel every square leads exactly as far: the first stripes stay."""
    images = photographs(6, SIDE, SIDE, 1)
    blind = Square(Classifier(model(np.zeros(SIDE * SIDE, np.float32), 1.0)))
    found = blind.attack(images, np.ones(6, np.int64), eps=0.1, queries=50, generator=np.random.default_rng(0))
    up = found == np.clip(images + np.float32(0.1), 0, 1)
    down = found == np.clip(images - np.float32(0.1), 0, 1)
    assert (up.all(axis=1) | down.all(axis=1)).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_within_the_ball_and_the_range(channels: int) -> None:
    """Every pixel ends at eps from where it was, up or down, or at the end of the range."""
    network, images = convolution(8, 8, channels), photographs(6, 8, 8, channels)
    labels = network(images).numpy().argmax(axis=1)
    before = images.copy()
    found = Square(Classifier(network)).attack(
        images, labels, eps=0.05, queries=150, generator=np.random.default_rng(0)
    )
    np.testing.assert_array_equal(images, before)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1
    assert sizes(found - images, norm="inf").max() <= 0.05 + 1e-6
    ends = np.clip(images[..., np.newaxis] + np.array([-0.05, 0.05], np.float32), 0, 1)
    assert (np.abs(found[..., np.newaxis] - ends).min(axis=-1) < 1e-6).all()


def test_channels_move_apart() -> None:
    """The channels of a colour image are given signs of their own."""
    network, images = convolution(8, 8, 3), np.full((6, 8, 8, 3), 0.5, np.float32)
    labels = network(images).numpy().argmax(axis=1)
    found = Square(Classifier(network)).attack(images, labels, eps=0.02, queries=20, generator=np.random.default_rng(0))
    signs = np.sign(found - images).reshape(-1, 3)
    assert len(np.unique(signs, axis=0)) == 8


def test_only_its_generator_draws() -> None:
    """The same generator gives the same bytes, another one does not, and numpy's global one is not touched."""
    network, images = convolution(8, 8, 1), photographs(4, 8, 8, 1)
    labels = network(images).numpy().argmax(axis=1)
    attack = Square(Classifier(network))

    def bytes_of(seed: int) -> bytes:
        found = attack.attack(images, labels, eps=0.05, queries=30, generator=np.random.default_rng(seed))
        return found.tobytes()

    np.random.seed(5)  # noqa: NPY002 (the generator that must not be used)
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    first = bytes_of(1)
    assert np.random.random() == expected  # noqa: NPY002
    assert bytes_of(1) == first
    assert bytes_of(2) != first


def test_squares_halve_as_in_the_paper() -> None:
    """On MNIST's images the side starts at sqrt(0.8 * 28 * 28) and shrinks with the root of the paper's schedule."""
    sides = [square.side(query / 10_000, 28, 28) for query in range(10_000)]
    changes = [query for query in range(1, 10_000) if sides[query] != sides[query - 1]]
    assert changes == [11, 51, 201, 501, 1001, 2001, 4001, 8001]
    assert [sides[query] for query in (0, *changes)] == [25, 18, 13, 9, 6, 4, 3, 2, 1]
    for queries in (1, 30, 1000):
        for query in range(queries):
            assert square.side(query / queries, 32, 20) == side_in_the_paper(query, queries, 32, 20)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 64), st.integers(1, 64))
def test_squares_fit_the_image(some: float, more: float, height: int, width: int) -> None:
    """A square is at least a pixel, never larger than the image, and never grows."""
    first, second = (square.side(done, height, width) for done in sorted((some, more)))
    assert 1 <= second <= first <= min(height, width)


def test_no_weaker_than_arts() -> None:
    """With as many queries, at least as many images fall as to ART's Square attack, which is not all of them."""
    network, images = convolution(8, 8, 1, seed=3), photographs(60, 8, 8, 1)
    classifier = Classifier(network)
    labels = classifier.predict(images).argmax(axis=1)
    np.random.seed(0)  # noqa: NPY002 (where ART draws from)
    art = evasion.SquareAttack(classifier, eps=0.1, max_iter=100, batch_size=60, verbose=False)
    theirs = art.generate(images, labels)
    ours = Square(classifier).attack(images, labels, eps=0.1, queries=100, generator=np.random.default_rng(0))
    fallen_to_theirs, fallen_to_ours = (
        np.mean(classifier.predict(found).argmax(axis=1) != labels) for found in (theirs, ours)
    )
    assert 0.2 < fallen_to_theirs < 0.8
    assert fallen_to_ours >= fallen_to_theirs
