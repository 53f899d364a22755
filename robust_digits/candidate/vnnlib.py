"""A question to other verifiers: VNN-LIB 1.0, in which VNN-COMP asks whether a network can be misled."""

import numpy as np
from numpy.typing import NDArray


def question(image: NDArray[np.float32], label: int, *, eps: float, classes: int) -> str:
    """Return what a counterexample would be: within `eps` (L-infinity) of an image, another logit no less than its own.

    X_0, X_1, ... are the pixels as the image (height, width, channels) has them, row by row, each in [0, 1]; Y_0, Y_1,
    ... the logits. A tie counts, as it does for our own proofs. `unsat` means that the image is proven.
    """
    pixels = image.astype(np.float64).ravel()
    low, high = np.maximum(pixels - eps, 0), np.minimum(pixels + eps, 1)
    others = (f"    (and (>= Y_{other} Y_{label}))" for other in range(classes) if other != label)
    lines = [
        f"; class {label}, to be misled within eps {eps:g} (L-infinity)",
        *(f"(declare-const X_{number} Real)" for number in range(len(pixels))),
        *(f"(declare-const Y_{number} Real)" for number in range(classes)),
        *(
            f"(assert (<= X_{number} {_decimal(upper)}))\n(assert (>= X_{number} {_decimal(lower)}))"
            for number, (lower, upper) in enumerate(zip(low, high, strict=True))
        ),
        "(assert (or",
        *others,
        "))",
    ]
    return "\n".join(lines) + "\n"


def _decimal(value: np.float64) -> str:
    """Return a number to its last bit, without an exponent, which the format does not know."""
    return np.format_float_positional(value, trim="0")
