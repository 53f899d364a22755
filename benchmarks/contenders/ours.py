"""Robust digits, as its stages call it: training, crafting, and two attacks of the suite."""

import contextlib
import io
from typing import Any

import numpy as np

from benchmarks import answer
from benchmarks.answer import Answer
from benchmarks.inputs import BATCH, RATE, SEED, THREADS, Inputs
from robust_digits import runtime
from robust_digits.attack.fgm import craft
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import Queries, Restarts
from robust_digits.attack.target import Images, Victim
from robust_digits.data.images import ImageSet
from robust_digits.learn import models, training
from robust_digits.params import Section


def epochs(given: Inputs) -> Answer:
    """Train for some epochs, in which functions are traced and the model validated."""
    _start()
    model, whole = models.load(given.model), ImageSet(given.images, given.labels)
    count = given.sizes["epochs"]
    history: list[training.Epoch] = []

    def work() -> None:
        told: dict[str, Any] = {"learning_rate": RATE, "epochs": count, "batch_size": BATCH, "seed": SEED}
        validation = whole[: given.sizes["validation"]]
        with contextlib.redirect_stdout(io.StringIO()):
            history.extend(training.train(model, whole, validation, optimizer="rmsprop", **told))

    return _answer(answer.timed(work), count, loss=round(history[-1].loss, 4))


def fgm(given: Inputs) -> Answer:
    """Craft with the Fast Gradient Method, and check that no image leaves its ball."""
    _start()
    victim = Victim(models.load(given.model), norm="inf", eps=given.sizes["eps"])
    whole = ImageSet(given.images, given.labels)
    found: list[Images] = []

    def work() -> None:
        crafted = craft(victim.classifier, whole, norm="inf", eps=victim.eps, what="crafting")
        found[:] = [np.concatenate([part.images for part in crafted])]

    work()
    return _attacked(answer.timed(work), victim, given, found[0])


def pgd(given: Inputs) -> Answer:
    """Climb by steps of one size from a random start."""
    return _suite(given, "pgd", Restarts(steps=given.sizes["steps"], restarts=1))


def square(given: Inputs) -> Answer:
    """Search with squares."""
    return _suite(given, "square", Queries(queries=given.sizes["queries"]))


def _suite(given: Inputs, name: str, settings: Section) -> Answer:
    _start()
    suite = Suite(models.load(given.model), eps=given.sizes["eps"], seed=SEED)
    whole = ImageSet(given.images, given.labels)
    found: list[Images] = []

    def work() -> None:
        found[:] = [suite.attack(name, settings, whole, whole.images).images]

    work()
    return _attacked(answer.timed(work), suite.victim, given, found[0])


def _attacked(seconds: float, victim: Victim, given: Inputs, found: Images) -> Answer:
    right = victim.classifier.predict(found).argmax(axis=1) == given.labels
    return _answer(seconds, len(found), stands=round(float(right.mean()), 4))


def _answer(seconds: float, amount: float, **said: float) -> Answer:
    return Answer(seconds, amount, said=said, versions=answer.versions("tensorflow", "keras", "numpy"))


def _start() -> None:
    runtime.start(seed=SEED, threads=THREADS)
