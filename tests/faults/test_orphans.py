"""A stage does not outlive the DVC that started it, however it was started and however DVC ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.processes import ended, runs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# Stands for DVC: it starts a command as DVC does, and waits for it.
STARTER = "import subprocess, sys; subprocess.run(sys.argv[1], shell=True)"
STAGE = """
import os, time
from robust_digits.command import run
from robust_digits.params import Section

class Params(Section):
    pass

def main(_: Params) -> None:
    print(os.getpid(), flush=True)
    time.sleep(60)

run(main)
"""
DIRECT, THROUGH_A_SHELL = "exec {}", "{}; true"  # a shell that has more to do stays between the two


@contextmanager
def started(command: str, at: Path, **variables: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Start a stage by what stands for DVC; yield that, and the number of the stage's process."""
    (at / "stage.py").write_text(STAGE, encoding="utf-8")
    (at / "params.yaml").write_text("seed: 0", encoding="utf-8")
    stage = command.format(f'"{sys.executable}" stage.py')
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, stage],
        cwd=at,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        assert starter.stdout
        number = int(starter.stdout.readline())
        try:
            yield starter, number
        finally:
            starter.kill()
            if runs(number):
                os.kill(number, signal.SIGKILL)


@pytest.mark.fault("recovered")
@pytest.mark.parametrize("command", [DIRECT, THROUGH_A_SHELL], ids=["direct", "through a shell"])
def test_a_stage_ends_with_the_dvc_that_started_it(command: str, tmp_path: Path) -> None:
    """Whether it was started directly or through a shell that stays, a killed DVC takes it along."""
    with started(command, tmp_path, DVC_STAGE="train_baseline") as (starter, number):
        assert runs(number)
        starter.kill()
        assert ended(number)


def test_a_stage_that_is_run_by_hand_is_nobodys(tmp_path: Path) -> None:
    """Without DVC a stage may outlive the shell that it was started from."""
    with started(DIRECT, tmp_path) as (starter, number):
        starter.kill()
        starter.wait()
        time.sleep(1)
        assert runs(number)
