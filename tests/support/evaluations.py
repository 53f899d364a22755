"""Evaluations of a small undefended model: working, and broken in every way that a check is to find."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from robust_digits.attack import fgm
from robust_digits.attack.ascent import Ascent, Trail
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import Noise, Plain, Queries, Restarts
from robust_digits.data.images import ImageSet
from robust_digits.judge import evaluation, sanity
from robust_digits.judge.evidence import Evidence
from robust_digits.judge.settings import Curve
from robust_digits.params import Section
from robust_digits.runtime import keras, tf

Images = NDArray[np.float32]


SIDE, CLASSES, COUNT, EPS, STEPS = 6, 3, 60, 0.2, 5


LINF = (0.0, 0.05, 0.1, 0.2, 0.5)


CHOSEN: dict[str, Section] = {
    "noise": Noise(draws=3),
    "transfer": Plain(),
    "fgm": Plain(),
    "pgd": Restarts(steps=STEPS, restarts=1),
    "pgd_margin": Restarts(steps=STEPS, restarts=1),
    "square": Queries(queries=400),
}


VERSUS = {  # checks that PGD is the stronger attack, and the weaker one of each
    "iterative_vs_single": "fgm",
    "white_box_vs_transfer": "transfer",
    "white_box_vs_noise": "noise",
    "white_box_vs_gradient_free": "square",
}


INDICATORS = {  # checks that compare one indicator with a bound, and both
    "within_eps": ("largest_perturbation", EPS + 1e-6),
    "transfer_within_eps": ("transfer_size", EPS + 1e-6),
    "within_range": ("beyond_range", 0),
    "logits": ("probabilities", 0.01),
    "deterministic": ("difference_on_repeat", 0),
    "zero_gradients": ("zero_gradients", 0.01),
    "unbounded": ("unbounded", 0.02),
    "more_effort": ("gain_from_effort", 0.02),
    "idle_attacks": ("idle_attacks", 0),
    "one_by_one": ("difference_between_rows", 1e-4),
    "planted": ("planted_missed", 0.1),
    "planted_hidden": ("planted_void", 0.25),
    "loss_rises": ("loss_never_rose", 0.01),
    "best_kept": ("best_thrown_away", 0),
}


ALL = {*INDICATORS, *VERSUS, "gradient_free_vs_noise", "grey_bound", "worst_case", "certified", "control"}


def digits() -> ImageSet:
    """Return 60 images in whose two brighter rows of six lies the class, faintly or clearly; one column is black.

    Faint ones fall to noise, and all of them to an attack of size 0.2.
    """
    generator = np.random.default_rng(0)
    labels = np.arange(COUNT) % CLASSES
    images = generator.uniform(0.35, 0.45, (COUNT, SIDE, SIDE, 1))
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 2] += generator.uniform(0.05, 0.3)
    images[:, :, 0] = 0
    return ImageSet(images.astype(np.float32), labels)


def dense(*, gain: float = 20, bias: Sequence[float] = (0, 0, 0)) -> keras.Model:
    """Return a model with undefended logits: `gain` times the mean of the two rows of each class."""
    layer = keras.layers.Dense(CLASSES)
    model = keras.Sequential([keras.layers.Input((SIDE, SIDE, 1)), keras.layers.Flatten(), layer])
    weights = np.zeros((SIDE, SIDE, CLASSES), np.float32)
    for label in range(CLASSES):
        weights[2 * label : 2 * label + 2, 1:, label] = gain / 10
    layer.set_weights([weights.reshape(-1, CLASSES), np.array(bias, np.float32)])
    return model


def behind(layer: Callable[[tf.Tensor], tf.Tensor]) -> keras.Model:
    """Return the model behind a layer that changes the images."""
    return keras.Sequential([keras.layers.Input((SIDE, SIDE, 1)), keras.layers.Lambda(layer), dense()])


def before(layer: Callable[[tf.Tensor], tf.Tensor]) -> keras.Model:
    """Return the model with a layer that changes its logits."""
    return keras.Sequential([dense(), keras.layers.Lambda(layer)])


def under(model: keras.Model, *, eps: float = EPS) -> Suite:
    """Return the attacks on a model."""
    return Suite(model, eps=eps, seed=0)


def crafted(suite: Suite, *, eps: float = EPS) -> ImageSet:
    """Return the digits as the stage `craft` moves them."""
    parts = fgm.craft(suite.model, digits(), norm="inf", eps=eps, what="testing")
    return ImageSet(np.concatenate([part.images for part in parts]), digits().labels)


def judged(  # the settings of the stage `evaluate`, by keyword
    suite: Suite,
    transfer: ImageSet,
    *,
    images: ImageSet | None = None,
    chosen: Mapping[str, Section] = CHOSEN,
    craft: float = EPS,
    linf: Sequence[float] = LINF,
    samples: int = COUNT,
) -> Evidence:
    """Return the evidence of a whole evaluation, as the stage `evaluate` gathers it."""
    return evaluation.judge(
        suite,
        digits() if images is None else images,
        transfer,
        norm="inf",
        eps=craft,
        attacks=chosen,
        curve=Curve(samples=samples, steps=STEPS, linf=tuple(linf), l2=(0.0, 1.0)),
        seed=0,
    )


def red(found: Evidence, *, control: bool = True) -> set[str]:
    """Return the names of the checks that fail."""
    return {name for name, check in sanity.checks(found, control=control).items() if not check.passed}


def answering(found: Evidence, **right: float) -> Evidence:
    """Return evidence in which all views are right everywhere, but for shares of the first images in some."""
    labels = found.labels
    wrong = {view: np.arange(len(labels)) >= round(right.get(view, 1.0) * len(labels)) for view in found.predictions}
    return replace(found, predictions={view: (labels + each) % CLASSES for view, each in wrong.items()})


def without(found: Evidence, views: Iterable[str]) -> Evidence:
    """Return evidence as if some attacks had not been run."""
    return replace(found, predictions={name: each for name, each in found.predictions.items() if name not in views})


def bent(monkeypatch: pytest.MonkeyPatch, change: Callable[[Images, Images, float, int], Images]) -> None:
    """Break every ascent: `change` makes of the images, of where they were led, of eps and steps what is returned."""
    whole = Ascent._climb  # noqa: SLF001 (the one place that all ascents pass)

    def climb(self: Ascent, rows: tuple[NDArray[Any], ...], *, eps: float, steps: int, **told: Any) -> Trail:  # noqa: ANN401
        trail = whole(self, rows, eps=eps, steps=steps, **told)
        return trail._replace(images=change(rows[0], trail.images, eps, steps))

    monkeypatch.setattr(Ascent, "_climb", climb)


def mirrored(found: Images, clean: Images) -> Images:
    """Return what an attack would have found if it had gone the other way."""
    return np.clip(2 * clean - found, 0, 1)
