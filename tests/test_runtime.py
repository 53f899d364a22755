"""TensorFlow starts quiet and pinned."""

import random
import subprocess
import sys

import numpy as np
import pytest

from robust_digits import runtime
from robust_digits.runtime import tf

pytestmark = pytest.mark.slow


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh process: TensorFlow can be configured only once in each."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_settings_are_pinned_and_nothing_is_printed() -> None:
    """Instruction set, backend and threads are set before the first operation, whatever the environment says.

    Loading and starting TensorFlow and ART, and using a kind of number that oneDNN has not, writes nothing that a
    person would have to read past; and Keras loads nothing for wrappers and galleries that nobody asks for.
    """
    code = """
import os
os.environ["KERAS_BACKEND"] = "jax"
os.environ["ONEDNN_MAX_CPU_ISA"] = "ALL"
os.environ["ONEDNN_DEFAULT_FPMATH_MODE"] = os.environ["TF_SET_ONEDNN_FPMATH_MODE"] = "BF16"
from robust_digits import runtime
import sys
print([name in sys.modules for name in ("sklearn", "matplotlib")])
runtime.start(seed=0, threads=1)
from robust_digits.attack import classifier
from robust_digits.runtime import keras, tf
tf.transpose(tf.constant([[True]]))
print(keras.backend.backend(), os.environ["ONEDNN_MAX_CPU_ISA"], tf.config.threading.get_intra_op_parallelism_threads())
print([os.environ.get(f"{name}_FPMATH_MODE") for name in ("ONEDNN_DEFAULT", "TF_SET_ONEDNN")])
print(tf.config.experimental.tensor_float_32_execution_enabled())
"""
    done = python(code)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["[False, False]", "tensorflow AVX2 1", "['STRICT', None]", "False"]


def test_other_lines_pass() -> None:
    """Only lines that tell nobody anything are held back: an error written below Python while loading still shows."""
    code = """
import os
from robust_digits.runtime import quiet
with quiet():
    os.write(2, b"I0000 noise\\nE0000 out of memory\\nW0000 1 util.cc:1] Not handling type DT_DOUBLE\\n")
    os.write(2, b"E0000 1 util.cc:1] oneDNN supports DT_BOOL only on platforms with AVX-512.\\n")
"""
    done = python(code)
    assert done.stderr == "E0000 out of memory\n"


@pytest.mark.usefixtures("tensorflow")
def test_the_seed_decides_every_draw() -> None:
    """Python, numpy and TensorFlow draw the same after starting with the same seed, and other numbers after another."""

    def drawn(seed: int) -> tuple[float, float, float]:
        runtime.start(seed=seed, threads=tf.config.threading.get_intra_op_parallelism_threads())
        return random.random(), np.random.rand(), float(tf.random.uniform(()))  # noqa: NPY002, S311 (what ART draws from)

    first = drawn(0)
    assert drawn(0) == first
    assert all(one != other for one, other in zip(first, drawn(1), strict=True))
