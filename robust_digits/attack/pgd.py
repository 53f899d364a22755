"""Projected gradient descent (Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial Attacks")."""

import numpy as np
from numpy.typing import NDArray

from robust_digits.attack.classifier import BATCH, Classifier, evasion

REACH = 2.5  # steps together are this many eps long, so that every place in the ball can be reached (Madry et al.)


def ascend(
    classifier: Classifier,
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    norm: str | int,
    eps: float,
    steps: int,
    random_start: bool = True,
) -> NDArray[np.float32]:
    """Return images (n, height, width, channels) within `eps` in `norm` that raise the classifier's loss for `labels`.

    Starts anywhere in the ball (numpy's global generator draws), or at the images themselves, which is the Basic
    Iterative Method (Kurakin et al. 2017).
    """
    attack = evasion.ProjectedGradientDescentNumpy(
        classifier,
        norm=np.inf if norm == "inf" else norm,
        eps=eps,
        eps_step=REACH * eps / steps,
        max_iter=steps,
        num_random_init=int(random_start),
        batch_size=BATCH,
        verbose=False,
    )
    found: NDArray[np.float32] = attack.generate(images, labels)
    return found
