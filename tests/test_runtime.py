"""TensorFlow starts quiet and pinned."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


START = "from robust_digits import runtime; runtime.start(seed=0, threads=1)"


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh process: TensorFlow can be configured only once in each."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_starting_prints_nothing() -> None:
    """Loading and starting TensorFlow and ART writes nothing a person would have to read past."""
    done = python(f"{START}\nfrom robust_digits.attack import classifier")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


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


def test_settings_are_pinned() -> None:
    """Instruction set, backend, threads and seed are set before the first operation, whatever the environment says."""
    code = f"""
import os
os.environ["KERAS_BACKEND"] = "jax"
os.environ["ONEDNN_MAX_CPU_ISA"] = "ALL"
os.environ["ONEDNN_DEFAULT_FPMATH_MODE"] = os.environ["TF_SET_ONEDNN_FPMATH_MODE"] = "BF16"
{START}
from robust_digits.runtime import keras, tf
print(keras.backend.backend(), os.environ["ONEDNN_MAX_CPU_ISA"], tf.config.threading.get_intra_op_parallelism_threads())
print([os.environ.get(f"{{name}}_FPMATH_MODE") for name in ("ONEDNN_DEFAULT", "TF_SET_ONEDNN")])
print(tf.config.experimental.tensor_float_32_execution_enabled())
"""
    assert python(code).stdout == "tensorflow AVX2 1\n['STRICT', None]\nFalse\n"


def test_the_seed_decides_every_draw() -> None:
    """Python, numpy and TensorFlow draw the same numbers after starting with the same seed."""
    code = f"""{START}
import random
import numpy as np
from robust_digits.runtime import tf
print(random.random(), np.random.rand(), float(tf.random.uniform(())))
"""
    first, second, other = python(code), python(code), python(code.replace("seed=0", "seed=1"))
    assert first.stdout == second.stdout != other.stdout
