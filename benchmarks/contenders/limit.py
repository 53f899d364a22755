"""How fast this machine multiplies matrices by the instructions that this project takes, and what an image needs."""

from benchmarks import answer, arithmetic
from benchmarks.answer import Answer
from benchmarks.inputs import SEED, THREADS, Inputs
from benchmarks.rows import ROWS
from robust_digits import runtime
from robust_digits.learn import models
from robust_digits.runtime import keras, tf

_TIMES = 8  # products that are timed together


def products(given: Inputs) -> Answer:
    """Multiply two square matrices of float32, and count the operations of the network in each row."""
    runtime.start(seed=SEED, threads=THREADS)
    return Answer(
        rate(int(given.sizes["side"])),
        parts={"operations": _per_image(models.load(given.model))},
        versions=answer.versions("tensorflow", "numpy"),
    )


def rate(side: int) -> float:
    """Return the seconds of a billion operations in products of square matrices of float32."""
    left, right = tf.random.normal((side, side)), tf.random.normal((side, side))

    def work(times: int) -> None:
        for _ in range(times):
            found = tf.matmul(left, right)
        found.numpy()

    seconds, times = answer.best(work, [_TIMES])
    return seconds / (times * 2 * side**3 / 1e9)


def _per_image(model: keras.Model) -> dict[str, float]:
    """Return the operations on one image, in billions."""
    gradient = arithmetic.gradient(model)
    return {"fgm": gradient, "pgd": ROWS["pgd"].sizes["steps"] * gradient, "training": arithmetic.step(model)}
