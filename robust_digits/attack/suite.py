"""The suite: the attacks of the table on one model, each within eps and each with draws of its own."""

import random
import sys
from zlib import crc32

import numpy as np
from tqdm import tqdm

from robust_digits.attack import attacks, perturbation
from robust_digits.attack.attacks import Images, Target
from robust_digits.attack.classifier import BATCH, Classifier, margin
from robust_digits.attack.square import Square
from robust_digits.attack.table import ATTACKS
from robust_digits.data.images import ImageSet
from robust_digits.params import Section
from robust_digits.runtime import keras


class Suite:
    """The attacks on one model: built once, because compiling its gradients takes a second or two."""

    def __init__(self, model: keras.Model, *, eps: float, seed: int) -> None:
        """Take a Keras model that gives logits, the radius of the L-infinity ball, and the seed of all attacks."""
        self.model = Classifier(model)
        self.eps = eps
        self._seed = seed
        self._margin = Classifier(model, loss=margin)
        self._probabilities = Classifier(keras.Sequential([model, keras.layers.Softmax()]))
        self._square = Square(self.model)

    def attack(self, name: str, settings: Section, whole: ImageSet, transfer: Images) -> Images:
        """Return the images under one attack of the table, float32, in order, none more than eps away.

        As `perturb`; an image for which an attack without a bound needed more than eps is put back: it has survived.

        Raises
        ------
        ValueError
            If the result leaves the box of radius eps or [0, 1].
        """
        adversarial = self.perturb(name, settings, whole, transfer)
        if not ATTACKS[name].bounded:
            beyond = perturbation.sizes(adversarial - whole.images, norm="inf") > self.eps + perturbation.TOLERANCE
            adversarial[beyond] = whole.images[beyond]
        perturbation.check(whole.images, adversarial, norm="inf", eps=self.eps)
        return adversarial

    def perturb(self, name: str, settings: Section, whole: ImageSet, transfer: Images) -> Images:
        """Return what one attack of the table makes of the images, whatever the size of its perturbations.

        Images that the model gets wrong anyway are left as they are. `transfer` are the same images crafted against
        another model. Every attack draws from a generator of its own, so that no attack changes another's result.
        """
        seed = crc32(name.encode()) ^ self._seed
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (where ART draws from, beside Python's own generator)
        target = Target(
            images=np.array(whole.images),
            labels=np.array(whole.labels),
            transfer=transfer,
            eps=self.eps,
            model=self.model,
            margin=self._margin,
            probabilities=self._probabilities,
            square=self._square,
            generator=np.random.default_rng(seed),
        )
        craft = getattr(attacks, name)  # of the same name as the record
        adversarial = target.images.copy()
        standing = np.flatnonzero(self.model.predict(target.images).argmax(axis=1) == target.labels)
        with tqdm(total=len(standing), desc=name, unit="image", disable=not sys.stderr.isatty()) as bar:
            for start in range(0, len(standing), BATCH):
                rows = standing[start : start + BATCH]
                adversarial[rows] = craft(target.only(rows), settings)
                bar.update(len(rows))
        return adversarial
