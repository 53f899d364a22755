"""The one room that loads TensorFlow and Keras: quiet, and with everything pinned that changes their results.

Other modules import `tf` and `keras` from here, so that the settings below are always made first.
"""

import os

# A result depends on the instruction set that oneDNN picks for the CPU it finds: AVX2 is one that every x86-64
# machine of the last ten years has, and measured no slower for these networks.
os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"
os.environ["KERAS_BACKEND"] = "tensorflow"
# Start-up lines about CPU features and a GPU that is not there tell a reader nothing; errors still raise.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

__all__ = ["keras", "start", "tf"]


def start(*, seed: int, threads: int) -> None:
    """Make what follows in this process reproducible to the byte.

    Call it once, before any tensor is made. `seed` seeds Python, numpy (which ART draws from) and TensorFlow;
    `threads` is the number of threads inside one operation: sums are split by thread, so the number is part of
    the result.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)
