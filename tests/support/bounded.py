"""Small networks of every kind that bounds can be had of, and images for them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from robust_digits.certify.graph import steps
from robust_digits.certify.interval_bounds import worst_margins
from robust_digits.data.images import ImageSet
from robust_digits.learn import networks
from robust_digits.runtime import keras, tf

layers = keras.layers
SIDE, CLASSES = 8, 3
Leads = NDArray[np.float32]


def normalized(sign: float) -> keras.Layer:
    """Return a batch normalisation whose scales are around `sign`, some of the other sign, with moments of its own."""
    draw = keras.initializers.RandomNormal
    return layers.BatchNormalization(
        gamma_initializer=draw(sign, 1.0),
        beta_initializer=draw(0.0, 1.0),
        moving_mean_initializer=draw(0.0, 1.0),
        moving_variance_initializer=keras.initializers.RandomUniform(0.2, 2.0),
    )


SEQUENCES: dict[str, Callable[[], list[keras.Layer]]] = {
    "dense": lambda: [layers.Flatten(), layers.Dense(12, activation="relu"), layers.Dense(9, activation="relu")],
    "no bias": lambda: [layers.Flatten(), layers.Dense(12, activation="relu", use_bias=False)],
    "sigmoid": lambda: [
        layers.Conv2D(3, 3, activation="sigmoid"),
        layers.Flatten(),
        layers.Dense(8, activation="tanh"),
    ],
    "activations": lambda: [
        layers.Conv2D(3, 3),
        layers.Activation("relu"),
        layers.Conv2D(3, 2, activation="elu"),
        layers.Flatten(),
        layers.Dense(8, activation="leaky_relu"),
        layers.Activation("tanh"),
    ],
    "capped": lambda: [layers.Conv2D(3, 3), layers.ReLU(max_value=0.5, negative_slope=0.1), layers.Flatten()],
    "strided, same": lambda: [layers.Conv2D(4, 4, strides=2, padding="same", activation="relu"), layers.Flatten()],
    "strided, valid": lambda: [layers.Conv2D(4, 3, strides=2, padding="valid", activation="relu"), layers.Flatten()],
    "dilated": lambda: [layers.Conv2D(4, 3, dilation_rate=2, use_bias=False, activation="relu"), layers.Flatten()],
    "groups": lambda: [layers.Conv2D(4, 3, activation="relu"), layers.Conv2D(4, 3, groups=2), layers.Flatten()],
    "max pooling": lambda: [layers.Conv2D(4, 3, activation="tanh"), layers.MaxPool2D(2), layers.Flatten()],
    "average pooling": lambda: [layers.Conv2D(4, 3), layers.AveragePooling2D(3, padding="same"), layers.Flatten()],
    "pooled whole": lambda: [layers.Conv2D(4, 3, activation="relu"), layers.GlobalMaxPooling2D()],
    "dropout": lambda: [layers.Flatten(), layers.Dense(12, activation="relu"), layers.Dropout(0.5)],
    "threshold": lambda: [*networks.binarized(CLASSES)[:4], layers.Conv2D(3, 3), layers.Flatten()],
    "batch normalisation": lambda: [normalized(1.0), layers.Conv2D(4, 3), normalized(-1.0), layers.Flatten()],
    "moved": lambda: [
        layers.ZeroPadding2D(2),
        layers.Conv2D(2, 3, activation="relu"),
        layers.Cropping2D(1),
        layers.Permute((3, 1, 2)),
        layers.Reshape((-1,)),
    ],
}


def residual(image: keras.KerasTensor) -> keras.KerasTensor:
    """Return logits behind a residual block with batch normalisation, as in ResNet, and one with a projection."""
    first = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    inner = normalized(1.0)(layers.Conv2D(4, 3, padding="same")(first))
    inner = normalized(1.0)(layers.Conv2D(4, 3, padding="same")(layers.ReLU()(inner)))
    second = layers.ReLU()(layers.Add()([first, inner]))
    inner = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")(second)
    third = layers.Add()([layers.Conv2D(6, 1, strides=2)(second), inner])
    return layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(third))


def concatenated(image: keras.KerasTensor) -> keras.KerasTensor:
    """Return logits behind two branches side by side, of one of which the values are used twice."""
    left = layers.Conv2D(3, 3, padding="same", activation="relu")(image)
    right = layers.Conv2D(2, 5, padding="same", activation="relu")(image)
    joined = layers.Concatenate()([left, right, left])
    return layers.Dense(CLASSES)(layers.Flatten()(layers.MaxPool2D(2)(joined)))


def nested(image: keras.KerasTensor) -> keras.KerasTensor:
    """Return logits of models inside a model, one of them called twice."""
    inside = layers.Input((16,))
    twice = keras.Model(inside, layers.Add()([inside, layers.Dense(16, activation="relu")(inside)]))
    front = keras.Sequential([layers.Input((SIDE, SIDE, 1)), layers.Flatten(), layers.Dense(16), layers.ReLU()])
    return layers.Dense(CLASSES)(twice(twice(front(image))))


def voting(image: keras.KerasTensor) -> keras.KerasTensor:
    """Return the mean of the logits of two networks: no dense layer ends it."""
    flat = layers.Flatten()(image)
    hidden = layers.Dense(10, activation="relu")(flat)
    return layers.Average()([layers.Dense(CLASSES)(flat), layers.Dense(CLASSES)(hidden)])


GRAPHS: dict[str, Callable[[keras.KerasTensor], keras.KerasTensor]] = {
    "residual": residual,
    "concatenated": concatenated,
    "nested": nested,
    "voting": voting,
}
KINDS = [*SEQUENCES, *GRAPHS]


def network(kind: str, *, seed: int = 0) -> keras.Model:
    """Return a network of the tables above, its weights and biases drawn, that gives logits."""
    keras.utils.set_random_seed(seed)
    image = layers.Input((SIDE, SIDE, 1))
    if kind in GRAPHS:
        model = keras.Model(image, GRAPHS[kind](image))
    else:
        model = keras.Sequential([image, *SEQUENCES[kind](), layers.Dense(CLASSES)])
    generator = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        if variable.name == "bias":
            variable.assign(generator.normal(0, 0.3, variable.shape))
    return model


def noise(count: int, *, seed: int = 0, shape: tuple[int, ...] = (SIDE, SIDE, 1)) -> ImageSet:
    """Return noise with pixels that are exactly 0 and 1 in it."""
    generator = np.random.default_rng(seed)
    pixels = generator.uniform(-0.3, 1.3, (count, *shape)).clip(0, 1).astype(np.float32)
    return ImageSet(pixels, generator.integers(0, CLASSES, count))


def answered(model: keras.Model, images: NDArray[np.float32]) -> ImageSet:
    """Return the images with the classes that the network gives them."""
    return ImageSet(images, model(images, training=False).numpy().argmax(axis=1))


def worst(model: keras.Model, images: ImageSet, eps: float) -> Leads:
    """Return the bounds of the leads, (n, classes), as training has them."""
    eps = tf.constant(eps, tf.float32)
    found = worst_margins(steps(model), tf.constant(images.images), tf.constant(images.labels), eps)
    leads: Leads = found.worst.numpy()
    return leads


def leads(model: keras.Model, images: NDArray[np.float32], labels: NDArray[np.int64]) -> Leads:
    """Return how far the network puts each logit ahead of the true one, (n, classes)."""
    logits: Leads = model(images, training=False).numpy()
    led: Leads = logits - logits[np.arange(len(labels)), labels][:, None]
    return led
