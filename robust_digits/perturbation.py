"""Check after the fact that an attack kept to its rules: a violation is an error, not a number."""

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-6  # what float32 rounding may add to the size of a perturbation


def check(
    clean: NDArray[np.float32],
    adversarial: NDArray[np.float32],
    *,
    norm: str | int,
    eps: float,
) -> None:
    """Raise ValueError unless the images are finite, in [0, 1] and within `eps` of the clean ones in `norm`.

    Both have shape (n, height, width, channels); `norm` is "inf", 1 or 2.
    """
    if adversarial.shape != clean.shape:
        raise ValueError(f"expected adversarial images of shape {clean.shape}, got {adversarial.shape}")
    low, high = float(adversarial.min()), float(adversarial.max())
    if not (low >= 0 and high <= 1):  # written so that NaN fails
        raise ValueError(f"expected finite adversarial pixels in [0, 1], got {low} to {high}")
    largest = float(sizes(adversarial - clean, norm=norm).max())
    if not largest <= eps + TOLERANCE:
        raise ValueError(f"expected perturbations of L{norm} size {eps} at most, got {largest}")


def inside(
    clean: NDArray[np.float32], adversarial: NDArray[np.float32], *, norm: str | int, eps: float
) -> NDArray[np.bool_]:
    """Return which adversarial images (n, height, width, channels) are within `eps` of the clean ones in `norm`."""
    verdict: NDArray[np.bool_] = sizes(adversarial - clean, norm=norm) <= eps + TOLERANCE
    return verdict


def sizes(perturbation: NDArray[np.float32], *, norm: str | int) -> NDArray[np.float64]:
    """Return the L1, L2 or L-infinity size (n,) of each perturbation (n, height, width, channels)."""
    order = np.inf if norm == "inf" else int(norm)
    flat = perturbation.reshape(len(perturbation), -1).astype(np.float64)
    measured: NDArray[np.float64] = np.linalg.norm(flat, ord=order, axis=1)
    return measured
