"""Which operations give other bits on another processor: a digest of what each makes of the same numbers.

`python -m benchmarks.bits benchmarks/bits.csv --name "Intel Xeon"` adds a column for the processor that it runs on, and
`qemu-x86_64 -cpu EPYC-Milan python -m benchmarks.bits ...` (user-mode emulation, minutes) one for another. Each is held
against the first one; `make pages` writes the table of docs/bits.md.
"""

import argparse
import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from robust_digits import command, runtime, tables
from robust_digits.errors import InputError
from robust_digits.learn.choices import Optimizer
from robust_digits.learn.training import OPTIMIZERS
from robust_digits.runtime import keras, tf

OPERATION = "operation"
Operation = Callable[..., Any]


def main() -> None:
    """Read the command line, and add a column."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="CSV file with a line for each operation, and a column a processor")
    parser.add_argument("--name", required=True, help="of the processor")
    told = parser.parse_args()
    runtime.start(seed=0, threads=2)
    known = tables.read(told.output) if told.output.exists() else []
    columns = list(dict.fromkeys([*(known[0] if known else [OPERATION]), told.name]))  # the first one stays the first
    if columns[0] != OPERATION:
        raise InputError(f"{told.output}: expected the column {OPERATION} first, got {columns[0]}")
    earlier: Mapping[str, Mapping[str, str]] = {row[OPERATION]: row for row in known}
    rows = []
    for name, (operation, shapes) in OPERATIONS.items():
        kept = {column: earlier.get(name, {}).get(column, "") for column in columns}
        rows.append(kept | {OPERATION: name, told.name: _digest(operation, shapes)})
        print(f"{name}: {rows[-1][told.name]}", flush=True)
    tables.write(told.output, rows, columns=columns)


def _digest(operation: Operation, shapes: tuple[tuple[int, ...], ...]) -> str:
    """Return a digest of what an operation makes of positive numbers of these shapes."""
    drawn = np.random.default_rng(0)
    given = [tf.constant(np.abs(drawn.normal(size=shape)).astype(np.float32) + np.float32(1e-3)) for shape in shapes]
    return hashlib.sha256(np.asarray(operation(*given)).tobytes()).hexdigest()[:10]


def _gradients(operation: Operation, *, of: int) -> Operation:
    """Return what gives the gradient of the sum of squares of an operation by one of its arguments."""

    def gradient(*given: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(given[of])
            total = tf.reduce_sum(tf.square(operation(*given)))
        return tape.gradient(total, given[of])

    compiled: Operation = tf.function(gradient)
    return compiled


def _step(name: Optimizer, gradient: tf.Tensor) -> tf.Tensor:
    """Return weights after one step of training by a gradient."""
    weights = keras.Variable(np.ones(_MANY, np.float32))
    optimizer = OPTIMIZERS[name](0.001)
    optimizer.build([weights])
    with runtime.as_written():
        tf.function(lambda: optimizer.apply([gradient]))()
    return weights.value


def _convolution(stride: int) -> Operation:
    compiled: Operation = tf.function(lambda images, kernel: tf.nn.conv2d(images, kernel, stride, "SAME"))
    return compiled


_MANY = (100_000,)
_SMALL, _LARGE = ((128, 28, 28, 1), (5, 5, 1, 32)), ((64, 14, 14, 24), (4, 4, 24, 48))
OPERATIONS: dict[str, tuple[Operation, tuple[tuple[int, ...], ...]]] = {
    "square root": (tf.sqrt, (_MANY,)),
    "quotient": (tf.divide, (_MANY, _MANY)),
    "exponential": (tf.exp, (_MANY,)),
    "logarithm": (tf.math.log, (_MANY,)),
    "hyperbolic tangent": (tf.tanh, (_MANY,)),
    "sigmoid": (tf.sigmoid, (_MANY,)),
    "sum": (tf.reduce_sum, ((1000, 1000),)),
    "reciprocal square root": (tf.math.rsqrt, (_MANY,)),
    "softmax": (tf.nn.softmax, ((512, 10),)),
    "logarithm of softmax": (tf.nn.log_softmax, ((512, 10),)),
    "step of Adam": (partial(_step, "adam"), (_MANY,)),
    "step of RMSprop": (partial(_step, "rmsprop"), (_MANY,)),
    "matrix product, sums of 1024": (tf.matmul, ((128, 1024), (1024, 128))),
    "matrix product, sums of 5408": (tf.matmul, ((128, 5408), (5408, 128))),
    "convolution of images": (_convolution(1), _SMALL),
    "its gradient by the kernel": (_gradients(_convolution(1), of=1), _SMALL),
    "its gradient by the images": (_gradients(_convolution(1), of=0), _SMALL),
    "convolution of features, stride 2": (_convolution(2), _LARGE),
    "its gradient by the kernel, stride 2": (_gradients(_convolution(2), of=1), _LARGE),
    "its gradient by the features, stride 2": (_gradients(_convolution(2), of=0), _LARGE),
}


if __name__ == "__main__":
    command.guarded(main)()
