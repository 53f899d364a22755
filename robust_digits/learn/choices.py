"""The names that parameters may choose from, apart from their tables: checked before TensorFlow loads."""

from typing import Literal

Architecture = Literal[
    "one_convolution",
    "two_convolutions",
    "two_wide_convolutions",
    "three_convolutions",
    "batch_normalized",
    "strided",
    "thresholded",
    "binarized",
    "provable",
    "cnn7",
    "patches",
    "fully_connected",
    "tanh",
    "sigmoid",
]
Optimizer = Literal["adam", "rmsprop", "rmsprop_keras", "adadelta", "adagrad", "adamax", "nadam", "sgd"]
Loss = Literal[
    "categorical_crossentropy",
    "binary_crossentropy",
    "mean_squared_error",
    "mean_absolute_error",
    "categorical_hinge",
    "poisson",
]
