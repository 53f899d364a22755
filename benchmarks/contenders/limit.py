"""How fast this machine multiplies matrices, and how much of that an image needs: no contender can be faster."""

from benchmarks import answer
from benchmarks.answer import Answer
from benchmarks.inputs import SEED, THREADS, Inputs
from robust_digits import runtime
from robust_digits.learn import models
from robust_digits.runtime import keras, tf

_BILLION = 1e9


def products(given: Inputs) -> Answer:
    """Multiply two square matrices of float32, and count the operations of the network in the answer."""
    runtime.start(seed=SEED, threads=THREADS)
    side = int(given.sizes["side"])
    left, right = tf.random.normal((side, side)), tf.random.normal((side, side))

    def work(times: int) -> None:
        for _ in range(times):
            tf.matmul(left, right).numpy()

    seconds, times = answer.best(work, [8])
    return Answer(
        seconds,
        times * 2 * side**3 / _BILLION,
        parts={"operations": _per_image(models.load(given.model))},
        versions=answer.versions("tensorflow", "numpy"),
    )


def _per_image(model: keras.Model) -> dict[str, float]:
    """Return the operations on one image, in billions: a gradient by the image costs as much as the answer did.

    A step of training has gradients by the weights and by what each layer was given, but for the image.
    """
    layers = [_forward(layer) for layer in model.layers if layer.weights]
    forward = sum(layers)
    return {"fgm": 2 * forward, "pgd": 2 * 40 * forward, "training": 3 * forward - layers[0]}


def _forward(layer: keras.Layer) -> float:
    kernel = layer.kernel.shape
    places = 1
    for size in layer.output.shape[1:-1]:
        places *= size
    products = places
    for size in kernel:
        products *= size
    return 2 * products / _BILLION
