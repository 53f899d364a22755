"""The Square attack (Andriushchenko et al. 2020, "Square Attack: a query-efficient black-box attack", algorithm 1).

It asks the model for outputs only, so it sees what attacks by gradient miss. L-infinity, on the margin of the true
class, one query an image and step. ART's version draws one square for all images of a batch and asks three times a
step; this one draws a square for each image, as the paper does, and compiles the questions.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack.classifier import Classifier, margin
from robust_digits.runtime import tf

SHARE = 0.8  # of the pixels that the first squares cover; the paper's p for MNIST and CIFAR-10
_BLOCK = 100  # queries between two looks at which images still stand
_HALVED_AT = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)  # of all queries: the paper's schedule


class Square:
    """The attack on one classifier, whose questions are compiled once."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._ask = _compile(classifier)

    def attack(
        self,
        images: NDArray[np.float32],
        labels: NDArray[np.int64],
        *,
        eps: float,
        queries: int,
        generator: np.random.Generator,
    ) -> NDArray[np.float32]:
        """Return the best images found within L-infinity `eps` of `images` (n, height, width, channels) in [0, 1].

        `labels` (n,) are the true classes. An image that is broken is left alone from then on.
        """
        count, height, width, channels = images.shape
        one_hot = np.eye(self._classifier.nb_classes, dtype=np.float32)[labels]
        stripes = generator.choice(np.array([-eps, eps], np.float32), (count, 1, width, channels))
        best: NDArray[np.float32] = np.clip(images + stripes, 0, 1)
        margins = margin(one_hot, self._classifier.predict(best)).numpy()
        squares = queries - 1  # the stripes were the first query
        for start in range(0, squares, _BLOCK):
            standing = np.flatnonzero(margins <= 0)
            if not standing.size:
                break
            sides = np.array([side(i / queries, height, width) for i in range(start, min(start + _BLOCK, squares))])
            shape = (len(sides), len(standing))
            rows = generator.integers(0, height - sides[:, None] + 1, shape)
            columns = generator.integers(0, width - sides[:, None] + 1, shape)
            signs = generator.choice(np.array([-eps, eps], np.float32), (*shape, channels))
            state = images[standing], one_hot[standing], best[standing], margins[standing]
            found = self._ask(*state, sides, rows, columns, signs)
            best[standing], margins[standing] = (each.numpy() for each in found)
        return best


def side(done: float, height: int, width: int) -> int:
    """Return the side of the squares after a share `done` of the queries: their area halves at fixed shares."""
    area = SHARE / 2 ** sum(done > at for at in _HALVED_AT) * height * width
    return int(np.clip(round(area**0.5), 1, min(height, width)))


def _compile(classifier: Classifier) -> Any:  # noqa: ANN401 (a compiled function)
    """Return a compiled function that asks a block of queries and keeps what leads further."""
    image, number = (None, *classifier.input_shape), (None, None)
    signature = [
        tf.TensorSpec(image, tf.float32),
        tf.TensorSpec((None, classifier.nb_classes), tf.float32),
        tf.TensorSpec(image, tf.float32),
        tf.TensorSpec((None,), tf.float32),
        tf.TensorSpec((None,), tf.int64),
        tf.TensorSpec(number, tf.int64),
        tf.TensorSpec(number, tf.int64),
        tf.TensorSpec((None, None, image[-1]), tf.float32),
    ]

    @tf.function(input_signature=signature)
    def ask(  # noqa: PLR0917 (what a query is made of)
        clean: tf.Tensor,
        one_hot: tf.Tensor,
        best: tf.Tensor,
        margins: tf.Tensor,
        sides: tf.Tensor,
        rows: tf.Tensor,
        columns: tf.Tensor,
        signs: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        down = tf.range(tf.shape(clean)[1], dtype=tf.int64)
        across = tf.range(tf.shape(clean)[2], dtype=tf.int64)
        for query in tf.range(tf.shape(sides)[0]):
            inside = _within(down, rows[query], sides[query])[:, :, None, None]
            inside &= _within(across, columns[query], sides[query])[:, None, :, None]
            shift = signs[query][:, None, None, :]
            tried = tf.where(inside, tf.clip_by_value(clean + shift, 0, 1), best)
            # A square that changes nothing is drawn again; of two signs, that leaves the other one.
            same = tf.reduce_all(tried == best, axis=[1, 2, 3], keepdims=True)
            tried = tf.where(same & inside, tf.clip_by_value(clean - shift, 0, 1), tried)
            found = margin(one_hot, classifier.model(tried, training=False))
            better = (found > margins) & (margins <= 0)
            best = tf.where(better[:, None, None, None], tried, best)
            margins = tf.where(better, found, margins)
        return best, margins

    return ask


def _within(positions: tf.Tensor, starts: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Return which positions lie in each image's stretch of a square: bool (n, positions)."""
    offset = positions[None, :] - starts[:, None]
    return (offset >= 0) & (offset < length)
