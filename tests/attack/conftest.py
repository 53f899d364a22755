"""What the tests of this room share."""

import numpy as np
import pytest
from support.attacks import EPS, MISTAKE

from robust_digits.attack.suite import Suite
from robust_digits.data.images import ImageSet
from robust_digits.learn import networks
from robust_digits.runtime import keras


@pytest.fixture(scope="module")
def attacks() -> Suite:
    """Return the attacks on a convolutional network with fresh weights."""
    keras.utils.set_random_seed(0)
    return Suite(networks.build("one_convolution", shape=(8, 8, 1), classes=4), eps=EPS, seed=0)


@pytest.fixture(scope="module")
def whole(attacks: Suite) -> ImageSet:
    """Return six images, all of which but one the network gets right; they are read-only, as memory maps are."""
    images = np.random.default_rng(0).uniform(-0.2, 1.2, (6, 8, 8, 1)).clip(0, 1).astype(np.float32)
    images.setflags(write=False)
    labels = attacks.model.predict(images).argmax(axis=1)
    labels[MISTAKE] = (labels[MISTAKE] + 1) % 4
    return ImageSet(images, labels)
