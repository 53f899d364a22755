"""Blocks that others attack are those that this process would have made, to the byte."""

import threading
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.evaluations import EPS, digits

from robust_digits.attack.suite import Found, Suite, craft
from robust_digits.attack.table import Queries, Restarts
from robust_digits.attack.target import Images
from robust_digits.crew import work
from robust_digits.crew.keeper import Blocks
from robust_digits.crew.work import Crew, Task
from robust_digits.errors import InputError
from robust_digits.learn import models
from robust_digits.params import Section

pytestmark = pytest.mark.usefixtures("tensorflow", "worker")

SIZE = 16  # four blocks of the sixty images
ATTACKS: dict[str, Section] = {"pgd": Restarts(steps=5, restarts=1), "square": Queries(queries=50)}


def attacked(model: Path, executor: Executor | None, *, keeper: Blocks | None = None) -> dict[str, Found]:
    """Return what the attacks find, by themselves or by a crew."""
    crew = Crew(executor, model, threads=2) if executor else None
    suite = Suite(models.load(model), eps=EPS, seed=0, keeper=keeper, crew=crew, size=SIZE)
    return {name: suite.attack(name, settings, digits(), digits().images) for name, settings in ATTACKS.items()}


def assert_same(one: dict[str, Found], other: dict[str, Found]) -> None:
    """Hold two results against each other, byte for byte."""
    for name, found in one.items():
        np.testing.assert_array_equal(found.images, other[name].images)
        np.testing.assert_array_equal(found.by, other[name].by)


class Backwards(Executor):
    """An executor that does what it was given last first, once somebody waits for all of it."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Future[Any], Any, Any]] = []

    def submit(self, function: Any, /, *given: Any, **_: Any) -> "Future[Any]":  # noqa: ANN401
        """Remember a task; the fourth sets them going."""
        future: Future[Any] = Future()
        self._waiting.append((future, function, given))
        if len(self._waiting) == 4:
            for done, call, arguments in reversed(self._waiting):
                done.set_result(call(*arguments))
            self._waiting.clear()
        return future


def test_a_crew_finds_the_same(model: Path) -> None:
    """Whoever attacks, several at once or the last block first, every image is the same bytes."""
    expected = attacked(model, None)
    with ThreadPoolExecutor(2) as several:
        assert_same(attacked(model, several), expected)
    assert_same(attacked(model, Backwards()), expected)


def test_no_more_is_asked_than_can_be_worked_on(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that wait are no images in memory."""
    asked: list[Future[Any]] = []

    class Counted(ThreadPoolExecutor):
        most = 0

        def submit(self, function: Any, /, *given: Any, **told: Any) -> "Future[Any]":  # noqa: ANN401
            asked.append(super().submit(function, *given, **told))
            self.most = max(self.most, sum(not future.done() for future in asked))
            return asked[-1]

    monkeypatch.setattr(work, "_AHEAD", 2)
    with Counted(1) as executor:
        assert_same(attacked(model, executor), attacked(model, None))
    assert executor.most == 2


def test_a_lost_cluster_loses_nothing(model: Path, tmp_path: Path) -> None:
    """What was done before the cluster was lost is kept, one line says so, and the next run does the rest."""

    class Lost(ThreadPoolExecutor):
        left = 6

        def submit(self, function: Any, /, *given: Any, **told: Any) -> "Future[Any]":  # noqa: ANN401
            self.left -= 1
            if self.left >= 0:
                done = super().submit(function, *given, **told)
                done.exception()
                return done
            lost: Future[Any] = Future()
            lost.set_exception(CancelledError())
            return lost

    with Lost(1) as executor, pytest.raises(InputError, match=r"the cluster was lost .* what is done is kept"):
        attacked(model, executor, keeper=Blocks(tmp_path / "blocks"))
    kept = list((tmp_path / "blocks").iterdir())
    assert len(kept) == 6
    assert_same(attacked(model, None, keeper=Blocks(tmp_path / "blocks")), attacked(model, None))


def test_a_fault_of_a_block_is_not_hidden(model: Path) -> None:
    """An error of ours on a worker is raised here."""

    class Broken(ThreadPoolExecutor):
        def submit(self, *_: Any, **__: Any) -> "Future[Any]":  # noqa: ANN401
            return super().submit(divmod, 1, 0)

    with Broken(1) as executor, pytest.raises(ZeroDivisionError):
        attacked(model, executor)


def task(model: Path) -> Task:
    """Return a block of one image."""
    made: list[Task] = []

    class Noted(Crew):
        def _task(self, *given: Any) -> Task:  # noqa: ANN401
            made.append(super()._task(*given))
            raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as executor:
        suite = Suite(models.load(model), eps=EPS, seed=0, crew=Noted(executor, model, threads=2))
        with pytest.raises(KeyboardInterrupt):
            suite.attack("pgd", ATTACKS["pgd"], digits()[:1], digits().images[:1])
    return made[0]


def test_a_worker_that_would_find_something_else(model: Path) -> None:
    """A worker with other code, or one that has started with other threads, refuses: it says what to do."""
    asked = task(model)
    with pytest.raises(InputError, match="a worker has other code or libraries than this process"):
        work.attack(replace(asked, means=replace(asked.means, code="other")))
    with pytest.raises(InputError, match="a worker has started with 2 threads, and is asked for 1; restart it"):
        work.attack(replace(asked, means=replace(asked.means, threads=1)))


def test_a_worker_attacks_one_block_at_a_time(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of several threads keeps them apart: some attacks draw from the one generator of the process."""
    inside, most = [0], [0]
    original = craft
    gate = threading.Event()

    def counted(*given: Any) -> Images:  # noqa: ANN401
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        gate.wait(0.05)
        inside[0] -= 1
        return original(*given)

    monkeypatch.setattr(work, "craft", counted)
    with ThreadPoolExecutor(4) as executor:
        attacked(model, executor)
    assert most == [1]
