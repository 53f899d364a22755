"""What a contender says of its work: seconds and amount; in the standard library, for every environment.

`timed` and `best` measure. A process answers with one line of JSON, the last that it prints.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version

Part = Mapping[str, float]


@dataclass(frozen=True)
class Answer:
    """How many seconds an amount of work took: images, epochs, or once the whole.

    `said` is what a reader may hold against the other contenders, that all did the same work, and what was chosen.
    `parts` are figures of parts of the work, each by its name. `versions` are those of the packages that did it.
    """

    seconds: float
    amount: float = 1.0
    said: Mapping[str, float | str] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def line(self) -> str:
        """Return the answer as a line of JSON."""
        return json.dumps(asdict(self))


def read(line: str) -> Answer:
    """Return the answer in a line of JSON; ValueError or TypeError if it holds none."""
    return Answer(**json.loads(line))


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def best(work: Callable[[int], object], sizes: Sequence[int]) -> tuple[float, int]:
    """Return the seconds of some work with its fastest batch size, and that size.

    Each size is tried once before it is timed, so that nothing is compiled while the clock runs.
    """
    found = []
    for size in sizes:
        work(size)
        found.append((timed(lambda size=size: work(size)), size))  # type: ignore[misc]
    return min(found)


def rounded(value: float) -> float:
    """Return a figure as it is recorded: four digits of it."""
    return float(f"{value:.4g}")


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of the named packages."""
    return {package: version(package) for package in packages}
