"""A real Dask cluster of two workers on this machine: the same bytes, also when a worker or the scheduler is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from support.evaluations import EPS, digits

from robust_digits.attack.suite import Done, Found, Suite
from robust_digits.attack.table import Queries
from robust_digits.attack.target import Target
from robust_digits.certify.linear_bounds import LinearBounds
from robust_digits.crew import engine
from robust_digits.crew.keeper import Blocks
from robust_digits.crew.proofs import Provers
from robust_digits.crew.work import Crew
from robust_digits.errors import InputError
from robust_digits.learn import models
from robust_digits.params import Section

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SIZE = 8  # eight blocks of the sixty images
SQUARE = Queries(queries=50)


@dataclass
class Cluster:
    """A scheduler and two workers, each a process of its own."""

    address: str
    scheduler: "subprocess.Popen[bytes]"
    workers: "list[subprocess.Popen[bytes]]"


def dask(*words: str) -> "subprocess.Popen[bytes]":
    """Start a command of Dask, with this project's modules at hand."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start a cluster; whatever a test has killed, nothing of it is left in the end."""
    told = tmp_path_factory.mktemp("cluster") / "scheduler.json"
    file = ("--scheduler-file", str(told))
    started = [dask("scheduler", *file, "--host", "127.0.0.1", "--port", "0", "--no-dashboard")]
    try:
        started += [dask("worker", *file, "--nthreads", "1", "--no-nanny", "--no-dashboard") for _ in range(2)]
        while not (told.exists() and told.read_text(encoding="utf-8")):
            assert started[0].poll() is None
            time.sleep(0.1)
        yield Cluster(json.loads(told.read_text(encoding="utf-8"))["address"], started[0], started[1:])
    finally:
        for process in started:
            process.kill()
            process.wait()


class Killing(Blocks):
    """A keeper that kills a process when the first block is done."""

    def __init__(self, folder: Path, process: "subprocess.Popen[bytes]") -> None:
        super().__init__(folder)
        self.process = process

    def keep(self, block: Target, settings: Section, done: Done) -> None:
        """Keep the block, and kill."""
        super().keep(block, settings, done)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def attacked(model: Path, keeper: Blocks | None = None) -> Found:
    """Return what Square finds, by whoever the environment names."""
    with engine.executor() as executor:
        crew = Crew(executor, model, threads=2) if executor else None
        suite = Suite(models.load(model), eps=EPS, seed=0, keeper=keeper, crew=crew, size=SIZE)
        return suite.attack("square", SQUARE, digits(), digits().images)


def test_a_cluster_proves_the_same(model: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linear bounds that two workers are asked for are those of this process."""
    sets = [digits()[start : start + SIZE] for start in range(0, 32, SIZE)]
    alone = LinearBounds(models.load(model), digits().images.shape[1:])
    monkeypatch.setenv(engine.VARIABLE, cluster.address)
    with engine.executor() as executor:
        assert executor is not None
        found = list(Provers(executor, model, threads=2).certify(sets, eps=0.1))
    np.testing.assert_equal(found, [alone.certified(few, eps=0.1) for few in sets])


@pytest.mark.fault("recovered")
def test_a_cluster_finds_the_same_and_loses_nothing(
    model: Path, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By two workers, by one whose fellow was killed, after the scheduler was: byte for byte what one finds alone."""
    alone = attacked(model)
    monkeypatch.setenv(engine.VARIABLE, cluster.address)
    np.testing.assert_array_equal(attacked(model).images, alone.images)
    found = attacked(model, Killing(tmp_path / "worker", cluster.workers[0]))
    assert cluster.workers[0].returncode == -signal.SIGKILL
    np.testing.assert_array_equal(found.images, alone.images)
    with pytest.raises(InputError, match=r"the cluster was lost \(CancelledError\); what is done is kept"):
        attacked(model, Killing(tmp_path / "blocks", cluster.scheduler))
    with pytest.raises(InputError, match="expected the address of a Dask scheduler, got tcp://"):
        attacked(model)
    monkeypatch.delenv(engine.VARIABLE)
    left = len(list((tmp_path / "blocks").iterdir()))
    assert 1 <= left < len(digits()) / SIZE
    np.testing.assert_array_equal(attacked(model, Blocks(tmp_path / "blocks")).images, alone.images)
