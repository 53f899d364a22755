"""Keras' own fit, called as the tutorial calls it."""

from typing import Any

import keras

from benchmarks import answer
from benchmarks.answer import Answer
from benchmarks.contenders import plain_keras
from benchmarks.inputs import BATCH, RATE, VALIDATION_BATCH, Inputs


def epochs(given: Inputs) -> Answer:
    """Train for some epochs, in which functions are traced and the model validated."""
    model, count, first = plain_keras.network(given), given.sizes["epochs"], given.sizes["validation"]
    images, labels = given.images, given.labels
    said: dict[str, Any] = {}

    def work() -> None:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.RMSprop(RATE, rho=0.9, epsilon=1e-8), loss, metrics=["accuracy"])
        told: dict[str, Any] = {
            "validation_data": (images[:first], labels[:first]),
            "validation_batch_size": VALIDATION_BATCH,
            "verbose": 0,
        }
        history = model.fit(images, labels, batch_size=BATCH, epochs=count, **told).history
        said["loss"] = round(history["loss"][-1], 4)

    seconds = answer.timed(work)
    return Answer(seconds, count, said=said, versions=answer.versions("tensorflow", "keras", "numpy"))
