"""How fast this machine multiplies matrices, and how much of that an image needs: no contender can be faster."""

from benchmarks import answer, arithmetic
from benchmarks.answer import Answer
from benchmarks.inputs import SEED, THREADS, Inputs
from robust_digits import runtime
from robust_digits.learn import models
from robust_digits.runtime import keras


def products(given: Inputs) -> Answer:
    """Multiply two square matrices of float32, and count the operations of the network in the answer."""
    runtime.start(seed=SEED, threads=THREADS)
    return Answer(
        arithmetic.rate(int(given.sizes["side"])),
        parts={"operations": _per_image(models.load(given.model))},
        versions=answer.versions("tensorflow", "numpy"),
    )


def _per_image(model: keras.Model) -> dict[str, float]:
    """Return the operations on one image, in billions: a gradient by the image costs as much as the answer did.

    A step of training has gradients by the weights and by what each layer was given, but for the image.
    """
    layers = [arithmetic.forward(layer) for layer in arithmetic.weighted(model)]
    forward = sum(layers)
    return {"fgm": 2 * forward, "pgd": 2 * 40 * forward, "training": 3 * forward - layers[0]}
