"""Run a stage and tell how long it imported, and how long it was at its work: training, or attacks.

`python -m benchmarks.contenders.inside SECONDS.json stages.NAME ARGUMENT ...`
"""

import inspect
import json
import pkgutil
import runpy
import sys
import time
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

WORK = {  # the function that a stage is about; the others read and write
    "stages.train_baseline": ("robust_digits.learn.training", "train"),
    "stages.craft": ("robust_digits.mix.crafting", "craft"),
    "stages.train_robust": ("robust_digits.learn.training", "train"),
    "stages.train_hardened": ("robust_digits.learn.hardening.Hardening", "run"),
    "stages.evaluate": ("robust_digits.judge.evaluation", "judge"),
}


class Clock:
    """The seconds that functions took, without those in between where they are generators."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def wrapped(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same, on this clock."""

        @wraps(work)
        def on_the_clock(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 (whatever it takes and returns)
            if inspect.isgeneratorfunction(work):
                return self._steps(work(*arguments, **named))
            start = time.perf_counter()
            try:
                return work(*arguments, **named)
            finally:
                self.seconds += time.perf_counter() - start

        return on_the_clock

    def _steps(self, steps: Iterator[Any]) -> Iterator[Any]:
        while True:
            start = time.perf_counter()
            try:
                step = next(steps)
            except StopIteration:
                return
            finally:
                self.seconds += time.perf_counter() - start
            yield step


def main(told: str, module: str, *arguments: str) -> None:
    """Run the stage with its arguments and write the seconds."""
    clock, start = Clock(), time.perf_counter()
    if module in WORK:
        place, name = WORK[module]
        home = pkgutil.resolve_name(place)
        setattr(home, name, clock.wrapped(getattr(home, name)))
    imports = time.perf_counter() - start
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    Path(told).write_text(json.dumps({"work": clock.seconds, "imports": imports}), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
