"""The one room that loads TensorFlow and Keras: quiet, and with everything pinned that changes their results.

Other modules import `tf` and `keras` from here, so that the settings below are always made first.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from robust_digits import ending

# A result depends on the instruction set that oneDNN picks for the CPU it finds: AVX2 is one that every x86-64
# machine of the last ten years has, and measured no slower for these networks.
os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"
os.environ["KERAS_BACKEND"] = "tensorflow"
# Proofs are about float32 arithmetic: nothing shorter takes its place, on whatever kind of processor.
os.environ["ONEDNN_DEFAULT_FPMATH_MODE"] = "STRICT"
os.environ.pop("TF_SET_ONEDNN_FPMATH_MODE", None)

# Lines that C++ writes while it looks the machine over: what it found, and that there is no GPU to drive. It also says
# of operations on float64 and truth values that oneDNN has none, when the first runs.
_NOISE = re.compile(
    r"I0000 |WARNING: All log messages before absl|To enable the following instructions|E0000 .*cuInit"
    r"|W0000 .*Not handling type DT_DOUBLE|E0000 .*oneDNN supports DT_BOOL only"
)


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back what C++ writes to the error stream in this block, and pass on all but lines that tell nobody anything.

    TensorFlow 2.21 no longer heeds TF_CPP_MIN_LOG_LEVEL when it loads (tensorflow/tensorflow#100442).
    """
    sys.stderr.flush()
    stream = os.dup(2)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stream, 2)
            os.close(stream)
            if not isinstance(sys.exc_info()[1], KeyboardInterrupt):  # which needs no more to be said
                held.seek(0)
                sys.stderr.writelines(line for line in held if not _NOISE.match(line))


@contextmanager
def _unseen(*names: str) -> Iterator[None]:
    """Let packages look as if they were not installed in this block, those of them that are not loaded yet."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: to import it fails
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


# Keras loads these, where it finds them, for wrappers and galleries: a fifth of the time that it takes to start.
with quiet(), ending.heeded(), _unseen("sklearn", "matplotlib"):
    import keras
    import tensorflow as tf

__all__ = ["as_written", "keras", "quiet", "start", "tf"]


def start(*, seed: int, threads: int) -> None:
    """Make what follows in this process reproducible to the byte.

    Call it once, before any tensor is made. `seed` seeds Python, numpy (which ART draws from) and TensorFlow;
    `threads` is the number of threads inside one operation: sums are split by thread, so the number is part of
    the result.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(False)  # noqa: FBT003 (as TensorFlow has it)
    with quiet():
        tf.config.list_logical_devices()  # starts the devices
        tf.transpose(tf.constant([[True]]))  # of whose kind oneDNN says once that it has none
    keras.utils.set_random_seed(seed)


@contextmanager
def as_written() -> Iterator[None]:
    """Let functions that are compiled in this block calculate what is written, so that a step is the same on any CPU.

    Otherwise TensorFlow makes `x * rsqrt(y)` of `x / sqrt(y)`, by which RMSprop moves a weight, and rsqrt begins with
    an approximation whose last bits differ between makers of processors. Quotients and roots are IEEE 754's.
    """
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"arithmetic_optimization": True})
