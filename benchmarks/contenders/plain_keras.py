"""TensorFlow and Keras as they start by themselves: what peers run on, with as many threads as this project.

Nothing of this project is imported here, for it chooses instructions and deterministic operations.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmarks import answer
from benchmarks.answer import Answer
from benchmarks.inputs import SEED, THREADS, Inputs

Images = NDArray[np.float32]


def network(given: Inputs) -> keras.Model:
    """Return the network, after the threads are set."""
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    keras.utils.set_random_seed(SEED)
    return keras.saving.load_model(given.model, compile=False)


def attacked(seconds: float, model: keras.Model, given: Inputs, found: Images, *, package: str, size: int) -> Answer:
    """Return the answer of a peer that attacked the whole, with the batch size that it took."""
    right = model.predict(found, batch_size=1024, verbose=0).argmax(axis=1) == given.labels
    said: dict[str, float | str] = {"stands": round(float(right.mean()), 4), "batch": size}
    return Answer(seconds, len(found), said=said, versions=answer.versions(package, "tensorflow", "keras", "numpy"))
