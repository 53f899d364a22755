"""The names that parameters may choose from, apart from their tables: checked before TensorFlow loads."""

from typing import Literal

Architecture = Literal["one_convolution", "strided", "thresholded"]
Optimizer = Literal["adam", "rmsprop"]
