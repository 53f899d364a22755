"""Where blocks are worked on is named by the environment, and what cannot be is one line."""

import socket
import sys

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
