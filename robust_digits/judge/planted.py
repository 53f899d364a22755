"""The active test: adversarial examples are planted near images, and the attacks must find them.

After Zimmermann, Brendel, Tramèr & Carlini 2022, "Increasing Confidence in Adversarial Robustness Evaluations". The
network keeps all but its last layer; in that one's place stands, for each image, a question with two answers that
tells one place on the surface of the ball from all others that were tried. So there is something to be found in every
ball; an attack that does not find it, in a network that hides its gradients, proves nothing where it finds nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack import gentle, losses
from robust_digits.attack.ascent import Ascent, random_start
from robust_digits.attack.blocks import ROWS
from robust_digits.attack.classifier import Classifier
from robust_digits.data import perturbation
from robust_digits.data.images import ImageSet
from robust_digits.runtime import keras, tf

COUNT = 64  # images, all in one batch
_PLACES = 64  # on the surface of each ball: the one that stands out most is planted, twice as many say how well hidden
_STARTS, _STEPS = 3, 50  # of AutoPGD, which ends when it has found them all
_DIFFERENT = 1e-4  # of the size of features: less is rounding

Images = NDArray[np.float32]


@dataclass(frozen=True)
class Plants:
    """Where something is planted: one row an image.

    The question about features f is <heads, f> > `bars`: float32 (n, features) and (n,). `rows`, bool (n,), says where
    the features changed at all; elsewhere nothing can be planted. `chance` is the share of other places that answer as
    the planted one does.
    """

    heads: NDArray[np.float32]
    bars: NDArray[np.float32]
    rows: NDArray[np.bool_]
    chance: float

    def answer(self, features: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which features (n, features) lie beyond their bar."""
        verdict: NDArray[np.bool_] = np.einsum("nf,nf->n", features, self.heads) > self.bars
        return verdict


def planted(model: keras.Model, few: ImageSet, *, norm: str | int, eps: float, seed: int) -> dict[str, float]:
    """Return the share of planted examples that no gradient attack finds, and that of places that find one by chance.

    The attacks are AutoPGD with the network's own gradients, and with gentle ones. Where nothing can be planted,
    because the network answers the same in all of the ball, both are NaN.
    """
    images = np.array(few.images[:COUNT])
    body = _body(model)
    features = Classifier(body).predict
    plants = plant(features, images, norm=norm, eps=eps, seed=seed)
    missed = plants.rows.copy()
    for network in (lambda images: body(images, training=False), gentle.network(body)):
        ascent = Ascent(model, losses.margin, norm=norm, slope=_asked(network, plants))
        generators = _generators(b"start", len(images), seed=seed)
        for _ in range(_STARTS):
            if missed.any():
                pairs = zip(generators, images, strict=True)
                start = np.array([random_start(each, image, norm=norm, eps=eps) for each, image in pairs], np.float32)
                nothing, rows = np.zeros(len(images), np.int64), np.flatnonzero(missed)
                found = images.copy()
                found[rows] = ascent.auto(
                    images[rows], nothing[rows], start=start[rows], eps=eps, steps=_STEPS, indices=rows
                ).images
                perturbation.check(images, found, norm=norm, eps=eps)
                missed &= ~plants.answer(features(found).reshape(len(images), -1))
    share = float(missed.sum() / plants.rows.sum()) if plants.rows.any() else np.nan
    return {"planted_missed": share, "planted_by_chance": plants.chance}


def plant(
    features: Callable[[Images], NDArray[np.float32]], images: Images, *, norm: str | int, eps: float, seed: int
) -> Plants:
    """Plant, for each image, the place whose features stand out most among those that were tried.

    `features` returns them, (n, features), of images. The bar lies halfway between the planted place and the runner-up.
    """
    generators = _generators(b"plant", len(images), seed=seed)
    clean = features(images)
    tried = np.stack([_features(features, images, generators, norm=norm, eps=eps) for _ in range(_PLACES)], axis=1)
    moved = tried - clean[:, None]
    best = np.linalg.norm(moved, axis=2).argmax(axis=1)
    heads = moved[np.arange(len(images)), best]
    scores = np.sort(np.einsum("npf,nf->np", moved, heads), axis=1)
    offsets = np.einsum("nf,nf->n", clean, heads)
    bars = np.maximum(scores[:, -2], 0) / 2 + scores[:, -1] / 2
    rows = np.abs(heads).max(axis=1) > _DIFFERENT * np.abs(clean).max(axis=1)
    others = (_features(features, images, generators, norm=norm, eps=eps) for _ in range(2 * _PLACES))
    hits = np.array([np.einsum("nf,nf->n", other - clean, heads) > bars for other in others])
    chance = float(hits[:, rows].mean()) if rows.any() else np.nan
    return Plants(heads, (bars + offsets).astype(np.float32), rows, chance)


def _asked(network: Callable[[tf.Tensor], tf.Tensor], plants: Plants) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a function of images, ROWS of them, to two logits: nothing, and how far beyond its bar an image is."""
    missing = ROWS - len(plants.bars)
    heads = tf.constant(np.pad(plants.heads, ((0, missing), (0, 0))))
    bars = tf.constant(np.pad(plants.bars, (0, missing)))

    def asked(images: tf.Tensor) -> tf.Tensor:
        features = tf.reshape(network(images), (ROWS, -1))
        lead = tf.einsum("nf,nf->n", features, heads) - bars
        return tf.stack([tf.zeros_like(lead), lead], axis=1)

    return asked


def _body(model: keras.Model) -> keras.Model:
    """Return the network without its last layer; where that cannot be had, the whole of it, whose logits then serve."""
    if not isinstance(model.layers[-1], keras.layers.Dense):
        return model
    try:
        copy = keras.models.clone_model(model)  # a layer may be part of other models too, and knows but one input
    except (ValueError, TypeError, NotImplementedError):  # a layer that does not say how it is made
        return model
    copy.set_weights(model.get_weights())
    return keras.Model(copy.inputs, copy.layers[-1].input)


def _features(
    features: Callable[[Images], NDArray[np.float32]],
    images: Images,
    generators: list[np.random.Generator],
    *,
    norm: str | int,
    eps: float,
) -> NDArray[np.float32]:
    """Return the features (n, features) of a random place on the surface of each ball: in L-infinity, a corner."""
    if norm == "inf":
        shifts = [generator.choice([-eps, eps], images.shape[1:]) for generator in generators]
    else:
        shifts = [generator.standard_normal(images.shape[1:]) for generator in generators]
        shifts = [shift * eps / np.linalg.norm(shift) for shift in shifts]
    found = features(np.clip(images + np.array(shifts), 0, 1).astype(np.float32))
    return found.reshape(len(images), -1)


def _generators(what: bytes, count: int, *, seed: int) -> list[np.random.Generator]:
    return [np.random.default_rng((seed, crc32(what), index)) for index in range(count)]
