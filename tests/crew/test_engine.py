"""Where blocks are worked on is named by the environment, and what cannot be is one line."""

import asyncio
import re
import socket
import sys
from concurrent.futures import CancelledError

import pytest

from robust_digits.crew import engine
from robust_digits.errors import InputError


def test_without_a_cluster_there_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset or empty, the variable asks for nothing, and Dask need not be there."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    for value in (None, ""):
        monkeypatch.delenv(engine.VARIABLE, raising=False)
        if value is not None:
            monkeypatch.setenv(engine.VARIABLE, value)
        with engine.executor() as found:
            assert found is None


def test_a_cluster_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Dask is not installed the message says how to get it."""
    monkeypatch.setenv(engine.VARIABLE, "tcp://127.0.0.1:8786")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"needs Dask, which is not installed: pip install '\.\[cluster\]'"):
        engine.executor().__enter__()


class Idle:
    """A client whose cluster has a scheduler and no worker."""

    closed = False

    def scheduler_info(self) -> dict[str, dict[str, object]]:
        """Return what a scheduler says of itself."""
        return {"workers": {}}

    def wait_for_workers(self, count: int, timeout: float) -> None:
        """Wait in vain."""
        assert (count, timeout > 0) == (1, True)
        raise asyncio.TimeoutError

    def close(self, timeout: float) -> None:
        """Let go of the scheduler."""
        self.closed = timeout > 0


def test_a_cluster_without_a_worker(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said that a worker is waited for, and when none comes, how one is started; nothing waits for ever."""
    idle = Idle()
    monkeypatch.setenv(engine.VARIABLE, "tcp://127.0.0.1:8786")
    monkeypatch.setattr(engine, "_client", lambda _: idle)
    with pytest.raises(InputError, match=r"no worker came to tcp://127\.0\.0\.1:8786 in \d+ s; `python -m dask worker"):
        engine.executor().__enter__()
    assert capsys.readouterr().err == f"{engine.VARIABLE}: waiting for a worker to come to tcp://127.0.0.1:8786\n"
    assert idle.closed


class KilledWorker(Exception):  # noqa: N818 (Dask's name)
    """What Dask raises when a task has ended one worker after another."""


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (KilledWorker("tried on 4\nworkers"), "a block ended every worker that had it, .* what is done is kept"),
        (
            ModuleNotFoundError("No module named 'robust_digits.crew'"),
            "lacks code or libraries .* 'robust_digits.crew'",
        ),
        (RuntimeError("\n  Error during deserialization of the task graph. This"), "install the same on all"),
        (CancelledError(), r"the cluster was lost \(CancelledError\); what is done is kept"),
        (ConnectionResetError(), r"the cluster was lost \(ConnectionResetError\)"),
        (RuntimeError("of the attack"), None),
        (InputError("a worker has other code"), None),
    ],
)
def test_what_an_error_says_of_the_cluster(error: Exception, says: str | None) -> None:
    """A mistake that only the user of the cluster can mend is one line; an error of the work is left alone."""
    said = engine.mistake(error)
    if says is None:
        assert said is None
    else:
        assert re.search(says, said or "")
        assert "\n" not in (said or "")


def test_nobody_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port where nobody listens, and what is no address, is one line that names it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for address in (f"tcp://127.0.0.1:{port}", "nonsense"):
        monkeypatch.setenv(engine.VARIABLE, address)
        with pytest.raises(InputError, match=f"expected the address of a Dask scheduler, got {address}: .+") as caught:
            engine.executor().__enter__()
        assert len(str(caught.value).splitlines()) == 1
