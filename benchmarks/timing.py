"""Time contenders in turn, and print what was measured, on which machine."""

import argparse
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from statistics import median

# Under determinism, each `fit` of Keras makes TensorFlow 2.21 log a harmless error about its own data pipeline.
# TensorFlow reads this when it loads: import this module first.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

_PACKAGES = ("tensorflow", "keras", "adversarial-robustness-toolbox")


def positive(text: str) -> int:
    """Return a command-line argument as a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def alternate(contenders: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each contender in each round.

    A round calls every contender once, so that a machine that slows down slows all of them; every second round goes
    backwards, so that none always follows the same one.
    """
    names = list(contenders)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names[::-1] if number % 2 else names:
            start = time.perf_counter()
            contenders[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def report(
    seconds: Mapping[str, Sequence[float]], *, unit: str, figure: Callable[[float], float], decimals: int
) -> None:
    """Print the machine and a line for each contender: median, lowest, highest, and its time over that of the first.

    `figure` turns the seconds of one call into what is printed, in `unit`.
    """
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    print(f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}; {packages}\n")
    print(f"{unit:<38}{'median':>10}{'lowest':>10}{'highest':>10}{'time / ours':>14}")
    ours = median(next(iter(seconds.values())))
    for name, times in seconds.items():
        figures = [figure(call) for call in times]
        cells = "".join(f"{value:>10,.{decimals}f}" for value in (median(figures), min(figures), max(figures)))
        print(f"{name:<38}{cells}{median(times) / ours:>14.2f}")
