"""The boundary attack finds the known smallest perturbation of a linear model, towards the class that it is told."""

from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import brentq, linprog
from support.linear import SIDE, case, gradient
from support.linear import model as linear_model

from robust_digits.arrays.perturbation import sizes
from robust_digits.attack.classifier import Classifier
from robust_digits.attack.fab import Fab, nearest
from robust_digits.data.images import ImageSet
from robust_digits.runtime import keras, tf

pytestmark = pytest.mark.usefixtures("tensorflow")

Images = NDArray[np.float32]
Points = NDArray[np.float64]
NORMS: list[str | int] = ["inf", 2]
DUAL = {"inf": 1, 2: 2}
PIXELS = SIDE * SIDE
NEVER = 0.0  # an eps that no perturbation is within, so that every walk is as long as its steps


@cache
def on_case(seed: int, norm: str | int) -> Fab:
    """Return the attack on a linear model, compiled once."""
    return Fab(case(seed)[0], norm=norm)


def found(attack: Fab, images: ImageSet, *, classes: int = 2, eps: float = NEVER, steps: int = 30) -> Images:
    """Return what the attack finds towards the class behind the true one."""
    targets = (images.labels + 1) % classes
    return attack.attack(images.images, images.labels, targets=targets, eps=eps, steps=steps)


def answers(model: keras.Model, images: Images) -> NDArray[np.int64]:
    """Return the classes that a model gives images."""
    classes: NDArray[np.int64] = Classifier(model).predict(images).argmax(axis=1)
    return classes


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("seed", range(2))
def test_smallest_perturbation_on_a_linear_model(norm: str | int, seed: int) -> None:
    """Every image falls, at most 2% beyond |f| over the dual norm of the weights, and none before."""
    model, images, scores = case(seed)
    adversarial = found(on_case(seed, norm), images)
    distances = np.abs(scores) / np.linalg.norm(gradient(seed), ord=DUAL[norm])
    needed = sizes(adversarial - images.images, norm=norm) / distances
    assert (answers(model, adversarial) != images.labels).all()
    assert needed.min() >= 1 - 1e-4
    assert needed.max() <= 1.02
    assert adversarial.dtype == np.float32
    assert adversarial.min() >= 0
    assert adversarial.max() <= 1


@pytest.mark.parametrize("norm", NORMS)
def test_smallest_perturbation_at_the_ends_of_the_range(norm: str | int) -> None:
    """Where black and white pixels cannot move further, the others make up for it, and no pixel leaves [0, 1]."""
    weights = gradient()
    model = linear_model(weights, -float(weights.sum() / 2))
    pixels = np.random.default_rng(0).uniform(-0.5, 1.5, (40, SIDE, SIDE, 1)).clip(0, 1).astype(np.float32)
    images = ImageSet(pixels, answers(model, pixels))
    adversarial = found(Fab(model, norm=norm), images)
    scores = pixels.reshape(40, -1).astype(np.float64) @ weights - weights.sum() / 2
    smallest = [
        length(move_of(point, weights, -score, norm=norm), norm)
        for point, score in zip(pixels.reshape(40, -1), scores, strict=True)
    ]
    needed = sizes(adversarial - pixels, norm=norm) / smallest
    assert (answers(model, adversarial) != images.labels).all()
    assert needed.min() >= 1 - 1e-4
    assert needed.max() <= 1.02
    assert adversarial.min() == 0
    assert adversarial.max() == 1


def move_of(point: NDArray[np.floating], weights: NDArray[np.floating], rise: float, *, norm: str | int) -> Points:
    """Return the smallest move that raises <weights, point> by `rise` in [0, 1], its length found by root finding."""
    upward = np.sign(rise) * weights.astype(np.float64)
    speed = np.sign(upward) if norm == "inf" else upward

    def moved(far: float) -> Points:
        there: Points = np.clip(point + speed * far, 0, 1) - point
        return there

    return moved(brentq(lambda far: float(upward @ moved(far)) - abs(rise), 0, 1e3, xtol=1e-12))


def length(move: Points, norm: str | int) -> float:
    """Return the size of a move."""
    return float(np.linalg.norm(move, ord=np.inf if norm == "inf" else 2))


def three_classes() -> tuple[keras.Model, ImageSet, Images]:
    """Return a model of three classes, images near 0.5 with the classes it gives them, and its logits of them.

    Each class looks at pixels of its own. The wrong class behind the true one is the likelier one of every other image.
    """
    weights, own = np.zeros((PIXELS, 3)), np.arange(15) % 3
    weights[np.arange(15), own] = gradient()[:15]
    model = keras.Sequential([keras.layers.Input((SIDE, SIDE, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    model.layers[-1].set_weights([weights, -weights.sum(axis=0) / 2])
    rows, labels = np.arange(12), np.arange(12) // 4
    logits = np.zeros((12, 3), np.float32)
    logits[rows, labels] = 0.3
    logits[rows, (labels + 1 + rows % 2) % 3] = -0.1
    images = 0.5 + logits @ (weights / (weights**2).sum(axis=0)).T
    return model, ImageSet(images.reshape(12, SIDE, SIDE, 1).astype(np.float32), labels), logits


@pytest.mark.parametrize("norm", NORMS)
def test_it_leads_to_the_class_that_is_asked_for(norm: str | int) -> None:
    """Each image ends just beyond the boundary to its target, likely or not, and in no other class."""
    model, images, logits = three_classes()
    attack, rows, labels, weights = Fab(model, norm=norm), np.arange(12), images.labels, model.get_weights()[0].T
    for targets in ((labels + 1) % 3, (labels + 2) % 3):
        adversarial = attack.attack(images.images, labels, targets=targets, eps=NEVER, steps=30)
        np.testing.assert_array_equal(answers(model, adversarial), targets)
        normals = np.linalg.norm(weights[targets] - weights[labels], ord=DUAL[norm], axis=1)
        distances = (logits[rows, labels] - logits[rows, targets]) / normals
        needed = sizes(adversarial - images.images, norm=norm) / distances
        assert needed.min() >= 1 - 1e-4
        assert needed.max() <= 1.02


@pytest.mark.parametrize("norm", NORMS)
def test_more_steps_come_nearer_on_a_curved_boundary(norm: str | int) -> None:
    """A walk along a boundary that is no plane comes nearer to the image, and what it found first is never lost."""
    keras.utils.set_random_seed(0)
    hidden = keras.layers.Dense(32, activation="tanh", kernel_initializer=keras.initializers.RandomNormal(stddev=1.0))
    layers = [keras.layers.Input((SIDE, SIDE, 1)), keras.layers.Flatten(), hidden, keras.layers.Dense(3)]
    model = keras.Sequential(layers)
    pixels = np.random.default_rng(0).random((30, SIDE, SIDE, 1), np.float32)
    images = ImageSet(pixels, answers(model, pixels))
    attack = Fab(model, norm=norm)
    few, many = (found(attack, images, classes=3, steps=steps) for steps in (3, 30))
    fell, later = (answers(model, each) != images.labels for each in (few, many))
    nearer = sizes(few - pixels, norm=norm) - sizes(many - pixels, norm=norm)
    assert later[fell].all()
    assert (nearer[fell] >= 0).all()
    assert (nearer[fell] > 0.01).any()


@pytest.mark.parametrize("norm", NORMS)
def test_an_image_out_of_reach_is_given_back(norm: str | int) -> None:
    """Where no image in [0, 1] is of another class, the image is returned as it was."""
    weights = gradient()
    model = linear_model(weights, 1000.0)
    pixels = np.random.default_rng(0).random((5, SIDE, SIDE, 1), np.float32)
    np.testing.assert_array_equal(found(Fab(model, norm=norm), ImageSet(pixels, np.ones(5, np.int64))), pixels)


@pytest.mark.parametrize("norm", NORMS)
def test_a_model_without_a_gradient_is_walked_nowhere(norm: str | int) -> None:
    """Where a model is flat there is no direction to go in, and images are returned as they were."""
    _, images, _ = case()
    flat = linear_model(np.zeros(PIXELS, np.float32), 1.0)
    ones = ImageSet(images.images, np.ones(len(images), np.int64))
    np.testing.assert_array_equal(found(Fab(flat, norm=norm), ones), images.images)


@pytest.mark.parametrize("norm", NORMS)
def test_a_walk_ends_within_eps(norm: str | int) -> None:
    """The first place within eps is kept, though others walk on and more steps would come nearer; they do."""
    _, images, scores = case()
    distances = np.abs(scores) / np.linalg.norm(gradient(), ord=DUAL[norm])
    eps = 1.1 * float(np.median(distances))
    first, more, nearest_found = (
        found(on_case(0, norm), images, eps=told, steps=steps) for told, steps in ((eps, 1), (eps, 30), (NEVER, 30))
    )
    needed, later, least = (sizes(each - images.images, norm=norm) for each in (first, more, nearest_found))
    ended = needed <= eps
    assert 0 < ended.sum() < len(images)
    np.testing.assert_array_equal(more[ended], first[ended])
    assert (later[~ended] < needed[~ended]).all()
    assert (least < needed).all()


def moves(points: Points, normals: Points, rise: Points, *, norm: str | int) -> Points:
    """Return what `nearest` says, in numpy."""
    told = (tf.constant(each, tf.float32) for each in (points, normals, rise))
    answer: Points = nearest(*told, norm=norm).numpy().astype(np.float64)
    return answer


EIGHTHS, WEIGHTS = st.integers(0, 8).map(lambda n: n / 8), st.integers(-8, 8).map(lambda n: n / 4)


@pytest.mark.parametrize("norm", NORMS)
@given(
    st.lists(st.tuples(EIGHTHS, WEIGHTS), min_size=1, max_size=5),
    st.integers(-30, 30).map(lambda n: n / 8),
)
def test_nearest_is_the_smallest_move(norm: str | int, pixels: list[tuple[float, float]], rise: float) -> None:
    """The move rises as told, or as far as [0, 1] allows, stays in [0, 1], and no smaller one does as much."""
    points, normals = (np.array(each) for each in zip(*pixels, strict=True))
    upward = normals if rise >= 0 else -normals
    room = np.where(upward > 0, 1 - points, points)
    most = float(np.abs(normals) @ room)
    (move,) = moves(points[None], normals[None], np.array([rise]), norm=norm)
    assert (points + move).min() >= -1e-6
    assert (points + move).max() <= 1 + 1e-6
    assert float(upward @ move) == pytest.approx(min(abs(rise), most), abs=1e-4)
    smallest = linear_program if norm == "inf" else every_way
    assert length(move, norm) == pytest.approx(smallest(np.abs(normals), room, min(abs(rise), most)), abs=1e-4)


def linear_program(weights: Points, room: Points, rise: float) -> float:
    """Return the smallest L-infinity size of a move, as a linear program finds it."""
    count = len(weights)
    below = np.hstack([np.eye(count), -np.ones((count, 1))])  # no pixel moves further than the last variable says
    ends = [(0, each) for each in room]
    answer = linprog(
        np.eye(count + 1)[count],
        A_ub=below,
        b_ub=np.zeros(count),
        A_eq=[[*weights, 0]],
        b_eq=[rise],
        bounds=[*ends, (0, None)],
    )
    return float(answer.fun)


def every_way(weights: Points, room: Points, rise: float) -> float:
    """Return the smallest L2 size of a move: of all choices of pixels that go to their ends, the best that is one."""
    best = np.inf
    for chosen in product([False, True], repeat=len(weights)):
        ends = np.array(chosen)
        free = np.where(ends, 0.0, weights)
        missing, slope = rise - float(weights[ends] @ room[ends]), float(free @ free)
        if missing < -1e-9 or (missing > 1e-9 and not slope):
            continue
        move = np.where(ends, room, free * (missing / slope if slope else 0.0))
        if (move <= room + 1e-9).all():
            best = min(best, float(np.linalg.norm(move)))
    return best


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95, 0.99])
def test_nearest_of_many_pixels(norm: str | int, share: float) -> None:
    """On images of the size of digits, mostly black, moves that end in many corners are those that bisection finds."""
    generator = np.random.default_rng(0)
    points = np.where(generator.random((20, 784)) < 0.8, 0, generator.uniform(0, 1.5, (20, 784)).clip(0, 1))
    normals = generator.standard_normal((20, 784)) ** 3
    rise = share * (np.abs(normals) * np.where(normals > 0, 1 - points, points)).sum(axis=1)
    rise[0] = 0.0  # done before the first step, which ends it for no other
    found = moves(points, normals, rise, norm=norm)
    for row in range(20):
        expected = move_of(points[row], normals[row], float(rise[row]), norm=norm)
        np.testing.assert_allclose(found[row], expected, atol=2e-3)
        assert float(normals[row] @ found[row]) == pytest.approx(rise[row], rel=1e-4)
