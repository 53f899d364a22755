"""What an attack is given: a model, asked through compiled functions, and images, each with draws of its own."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack import gentle
from robust_digits.attack.ascent import Ascent, random_start
from robust_digits.attack.classifier import Classifier
from robust_digits.attack.fab import Fab
from robust_digits.attack.losses import Loss
from robust_digits.attack.square import Square
from robust_digits.runtime import keras

Images = NDArray[np.float32]


class Victim:
    """A model under attack: what attacks ask of it, each compiled when it is first needed."""

    def __init__(self, model: keras.Model, *, norm: str | int, eps: float) -> None:
        """Take a Keras model that gives logits, and the ball of radius `eps` in `norm`, "inf" or 2."""
        self.model, self.norm, self.eps = model, norm, eps
        self.classifier = Classifier(model)
        self._ascents: dict[tuple[Loss, bool, str | int], Ascent] = {}

    @cached_property
    def probabilities(self) -> Classifier:
        """The network with a softmax behind it, for attacks that compare probabilities."""
        return Classifier(keras.Sequential([self.model, keras.layers.Softmax()]))

    @cached_property
    def single(self) -> Classifier:
        """The network as attacks ask it that go from image to image: about one at a time, and none beside it."""
        return Classifier(self.model, rows=1)

    @cached_property
    def fab(self) -> Fab:
        """The boundary attack on the model."""
        return Fab(self.model, norm=self.norm)

    @cached_property
    def square(self) -> Square:
        """The Square attack on the model."""
        return Square(self.model, norm=self.norm)

    def ascent(self, loss: Loss, *, adaptive: bool = False, norm: str | int | None = None) -> Ascent:
        """Return the ascent of a loss, in the norm of the ball if no other is named.

        An `adaptive` one follows gradients through what hides them in front.
        """
        gently = adaptive and bool(gentle.bends(self.model))
        key = loss, gently, self.norm if norm is None else norm
        if key not in self._ascents:
            slope = gentle.network(self.model) if gently else None
            self._ascents[key] = Ascent(self.model, loss, norm=key[2], slope=slope)
        return self._ascents[key]


@dataclass(frozen=True)
class Target:
    """What an attack is given: images, their true labels, and the model to ask.

    `images` and `transfer`, the same images crafted against another model, are float32 (n, height, width, channels) in
    [0, 1]; `labels` int64 (n,). `indices` (n,) say which of the test images they are: what is drawn for one depends
    on its index, the seed and the attack, not on the images beside it.
    """

    images: Images
    labels: NDArray[np.int64]
    transfer: Images
    indices: NDArray[np.int64]
    victim: Victim
    seed: int
    name: str

    @property
    def eps(self) -> float:
        """How far adversarial images may be away."""
        return self.victim.eps

    @property
    def model(self) -> Classifier:
        """The model, as ART's attacks ask it."""
        return self.victim.classifier

    def only(self, rows: NDArray[np.int64]) -> "Target":
        """Return the target with the named rows of its images."""
        cut = {name: getattr(self, name)[rows] for name in ("images", "labels", "transfer", "indices")}
        return replace(self, **cut)

    def generators(self, again: int = 0) -> list[np.random.Generator]:
        """Return what each image draws from; `again` numbers the times that an attack starts anew."""
        name = crc32(self.name.encode())
        return [np.random.default_rng((self.seed, name, again, int(index))) for index in self.indices]

    def starts(self, again: int = 0) -> Images:
        """Return a random place in the ball of each image, on its surface."""
        drawn = zip(self.generators(again), self.images, strict=True)
        places = [random_start(each, image, norm=self.victim.norm, eps=self.eps) for each, image in drawn]
        return np.array(places, np.float32).reshape(self.images.shape)

    def logits(self, images: Images) -> NDArray[np.float32]:
        """Return what the model answers to images in the place of these ones, float32 (n, classes)."""
        return self.model.predict(images, indices=self.indices)

    def right(self, images: Images) -> NDArray[np.bool_]:
        """Return which of the images the model gives their label."""
        verdict: NDArray[np.bool_] = self.logits(images).argmax(axis=1) == self.labels
        return verdict

    def climb(self, ascent: Ascent, **settings: Any) -> Images:  # noqa: ANN401 (those of AutoPGD)
        """Return where AutoPGD leads."""
        return ascent.auto(self.images, self.labels, eps=self.eps, indices=self.indices, **settings).images

    def step(self, ascent: Ascent, **settings: Any) -> Images:  # noqa: ANN401 (those of plain PGD)
        """Return where steps of one size lead."""
        return ascent.plain(self.images, self.labels, eps=self.eps, indices=self.indices, **settings).images
