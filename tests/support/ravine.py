"""A model that fools a single step, and how it looks to one step and to many."""

import numpy as np

from robust_digits.data.images import ImageSet
from robust_digits.learn.robust_validation import compiled_robust_validation
from robust_digits.runtime import keras


def validated(model: keras.Model, images: ImageSet, *, eps: float, seed: int = 0) -> tuple[float, float]:
    """Return accuracy under one step and under PGD."""
    one, many = compiled_robust_validation(model, images, eps=eps, seed=seed)()
    return float(one), float(many)


def ravine() -> tuple[keras.Model, ImageSet]:
    """Return images of one grey pixel, and a model that is wrong in a narrow ravine which one step of 0.2 leaps over.

    It answers class 0, which is right, but where the pixel is within 0.07 of 0.6; the images lie near 0.5.
    """
    model = keras.Sequential(
        [
            keras.layers.Input((1, 1, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="relu"),
            keras.layers.Dense(2),
        ]
    )
    distance = [np.array([[1.0, -1.0]]), np.array([-0.6, 0.6])]  # to 0.6, from above and from below
    model.set_weights([*distance, np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0.0, 0.07])])
    pixels = np.linspace(0.49, 0.51, 8, dtype=np.float32).reshape(8, 1, 1, 1)
    return model, ImageSet(pixels, np.zeros(8, np.int64))
