"""How the loss moves along an attack: one that never rises, or whose best place is lost, is an attack that failed.

After Pintor et al. 2022, "Indicators of Attack Failure: Debugging and Improving Optimization of Adversarial Examples".
"""

from zlib import crc32

import numpy as np

from robust_digits.attack import losses
from robust_digits.attack.ascent import random_start
from robust_digits.attack.suite import Suite
from robust_digits.data.images import ImageSet
from robust_digits.runtime import tf

_STEPS = 20
_ROUNDING = 1e-4  # of a loss that is asked for twice; the logits ratio is about 1


def trajectory(suite: Suite, few: ImageSet, *, seed: int) -> dict[str, float]:
    """Return two shares of images under AutoPGD on the logits ratio, of those that are right where it starts.

    `loss_never_rose`: nowhere on the way was the loss above that of the random start. `best_thrown_away`: what the
    attack returns, asked again, is not what it saw: broken where it saw the model broken, else the largest loss on the
    way. NaN if no image is right there.
    """
    classifier, eps = suite.model, suite.eps
    images, labels = np.array(few.images), np.asarray(few.labels)
    drawn = (np.random.default_rng((seed, crc32(b"trajectory"), index)) for index in range(len(images)))
    pairs = zip(drawn, images, strict=True)
    start = np.array([random_start(each, image, norm=suite.norm, eps=eps) for each, image in pairs], np.float32)
    rows = np.flatnonzero(classifier.predict(start).argmax(axis=1) == labels)
    if not rows.size:
        return {"loss_never_rose": np.nan, "best_thrown_away": np.nan}
    ascent = suite.victim.ascent(losses.logits_ratio)
    trail = ascent.auto(images[rows], labels[rows], start=start[rows], eps=eps, steps=_STEPS, indices=rows)
    logits = tf.constant(classifier.predict(trail.images, indices=rows))
    again = losses.logits_ratio(logits, tf.constant(labels[rows]), tf.constant(labels[rows])).numpy()
    lost = np.where(trail.best > 0, again < 0, again < trail.best - _ROUNDING)
    return {
        "loss_never_rose": float(np.mean(~(trail.best > trail.first))),  # NaN has not risen either
        "best_thrown_away": float(np.mean(lost)),
    }
