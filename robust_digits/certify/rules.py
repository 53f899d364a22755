"""What a step of a network does to numbers, as bounds need it: sums of products (`Affine`), or what only rises."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from robust_digits.runtime import keras, tf

Moments = Mapping[keras.layers.Layer, tuple[tf.Tensor, tf.Tensor]]
"""Mean and variance, (channels,), that batch normalisations use in the place of those they have kept."""


class Unbounded(Exception):  # noqa: N818 (says what the network is)
    """No bounds can be had of a network; the message says why, in one line."""


class Call(NamedTuple):
    """A layer where it is called: on inputs of these `shapes`, (n, ...), and with what moments, if it has any."""

    layer: keras.layers.Layer
    shapes: list[tuple[int | None, ...]]
    moments: Moments

    def refuse(self, but: str = "") -> Unbounded:
        """Return the refusal of this layer, by its name and class, and what would be taken of its kind."""
        return Unbounded(f"no bounds through {self.layer.name} ({type(self.layer).__name__}){but}")


class Weights(NamedTuple):
    """What an affine layer multiplies by and adds, and the absolute sum of what it makes that constant of; or None."""

    kernel: Any  # a tensor, as the others: TensorFlow has no types
    constant: Any = None
    terms: Any = None


class Reach(NamedTuple):
    """The window of a map that one pixel of another is made of: its size, (rows, columns), and where it stands.

    That of pixel p starts at pixel p * `stride` - `before`; what is outside of the map counts as 0.
    """

    size: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    before: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Affine:
    """Sums of products with weights, and a constant.

    `sums` of inputs and a kernel is linear in both, and has no negative weights of its own. `weights` are in the type
    that is asked for. A term is rounded `roundings` times at most; 0: numbers are only moved. `dense` says that it is
    a matrix product of (n, features). `back` is the gradient of `sums`, given that of what they make, the kernel and
    the shape of the one input, where there is a shorter way to it. `reach` says what a pixel is made of, where that is
    the same window wherever it stands; `back` of the gradient of a window then takes "VALID" as `padding`.
    """

    sums: Callable[[list[tf.Tensor], tf.Tensor | None], tf.Tensor]
    weights: Callable[[tf.DType], Weights]
    roundings: int
    dense: bool = False
    back: Callable[..., tf.Tensor] | None = None
    reach: Reach | None = None

    def backwards(
        self, weights: tf.Tensor, kernel: tf.Tensor | None, shapes: Sequence[tuple[int, ...]], **padding: str
    ) -> list[tf.Tensor]:
        """Return the weights of each input, (m, *shape), given those of the sums, (m, ...): their gradient."""
        if self.back is not None:
            return [self.back(weights, kernel, shapes[0], **padding)]
        inputs = [tf.zeros((tf.shape(weights)[0], *shape), weights.dtype) for shape in shapes]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            sums = self.sums(inputs, kernel)
        found: list[tf.Tensor] = tape.gradient(sums, inputs, output_gradients=weights)
        return found


@dataclass(frozen=True)
class Rising:
    """A function no output of which falls when an input rises: the ends of a box stay its ends.

    It is rounded `roundings` times, or is off by as much of 1 where that is more (`absolute`). `slope` is a, where the
    function is max(x, a x) with a in [0, 1], of one input.
    """

    function: Callable[[tf.Tensor], tf.Tensor]
    roundings: int = 0
    absolute: bool = False
    slope: float | None = None


Rule = Affine | Rising
