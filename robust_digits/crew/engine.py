"""Where blocks are worked on: in this process, or by the workers of a Dask cluster (the extra `cluster`).

Dask reroutes the work of a worker that is lost, and hands out a plain `concurrent.futures.Executor`. What it sends
between machines are Python objects: whoever may talk to its scheduler may run code on the workers, so that a cluster
belongs behind a firewall or TLS (`tls://`, configured as Dask's own documentation says).
"""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from typing import Any

from robust_digits.errors import InputError, first_line

VARIABLE = "ROBUST_DIGITS_CLUSTER"
_PATIENCE = 10  # seconds for a scheduler to answer
_ARRIVAL = 60  # seconds for the first worker to come
_KEPT = "what is done is kept: the next run goes on from there"


@contextmanager
def executor() -> Iterator[Executor | None]:
    """Yield what hands work to the cluster that `ROBUST_DIGITS_CLUSTER` names, as tcp://host:port; None if it is unset.

    Raises
    ------
    InputError
        If Dask is not installed, no scheduler answers there, or it has no worker.
    """
    address = os.environ.get(VARIABLE, "")
    if not address:
        yield None
        return
    client = _client(address)
    try:
        _await_worker(client, address)
        yield client.get_executor(pure=False)
    finally:
        client.close(timeout=_PATIENCE)


@contextmanager
def awaited(futures: Iterable["Future[Any]"]) -> Iterator[None]:
    """Say in one line what the cluster did to work that is waited for; whatever ends the waiting, cancel what is left.

    Raises
    ------
    InputError
        If the cluster is gone, if a block ended several workers, or if a worker has other code or none.
    """
    try:
        yield
    except Exception as error:
        said = mistake(error)
        if said is None:
            raise
        raise InputError(said) from None
    finally:
        for future in futures:
            future.cancel()


def mistake(error: Exception) -> str | None:
    """Return what an error says of the cluster, in one line; None where it is the work's own.

    Dask's errors are known by their names: it need not be installed where nobody asks for a cluster.
    """
    said = f"({type(error).__name__}: {first_line(error)})"
    if type(error).__name__ == "KilledWorker":
        return f"a block ended every worker that had it, for want of memory perhaps: see their logs {said}; {_KEPT}"
    if isinstance(error, ModuleNotFoundError) or "deserialization of the task graph" in str(error):
        return (
            f"the scheduler or a worker lacks code or libraries that this process has; install the same on all {said}"
        )
    if isinstance(error, (CancelledError, OSError)):
        return f"the cluster was lost ({type(error).__name__}); {_KEPT}"
    return None


def _await_worker(client: Any, address: str) -> None:  # noqa: ANN401 (of an extra)
    """Wait until the cluster has a worker, and say so where it has none yet."""
    if not client.scheduler_info()["workers"]:
        print(f"{VARIABLE}: waiting for a worker to come to {address}", file=sys.stderr, flush=True)
    try:
        client.wait_for_workers(1, timeout=_ARRIVAL)
    except asyncio.TimeoutError:
        raise InputError(
            f"{VARIABLE}: no worker came to {address} in {_ARRIVAL} s; `python -m dask worker {address}` starts one"
        ) from None


def _client(address: str) -> Any:  # noqa: ANN401 (of an extra)
    try:
        import distributed  # noqa: PLC0415 (an extra, and slow)
        from distributed.comm.addressing import get_address_host_port  # noqa: PLC0415
    except ModuleNotFoundError:
        raise InputError(f"{VARIABLE} needs Dask, which is not installed: pip install '.[cluster]'") from None
    for name in ("distributed.client", "distributed.batched", "distributed.core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what is lost is said in one line, by whoever waits for it
    try:
        socket.create_connection(get_address_host_port(address), timeout=_PATIENCE).close()
        return distributed.Client(address, timeout=_PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:  # refused, timed out; not an address
        said = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{VARIABLE}: expected the address of a Dask scheduler, got {address}: {said}") from None
