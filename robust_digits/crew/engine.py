"""Where blocks are worked on: in this process, or by the workers of a Dask cluster (the extra `cluster`).

Dask reroutes the work of a worker that is lost, and hands out a plain `concurrent.futures.Executor`. What it sends
between machines are Python objects: whoever may talk to its scheduler may run code on the workers, so that a cluster
belongs behind a firewall or TLS (`tls://`, configured as Dask's own documentation says).
"""

import logging
import os
import socket
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

from robust_digits.errors import InputError

VARIABLE = "ROBUST_DIGITS_CLUSTER"
_PATIENCE = 10  # seconds for a scheduler to answer


@contextmanager
def executor() -> Iterator[Executor | None]:
    """Yield what hands work to the cluster that `ROBUST_DIGITS_CLUSTER` names, as tcp://host:port; None if it is unset.

    Raises
    ------
    InputError
        If Dask is not installed, or no scheduler answers there.
    """
    address = os.environ.get(VARIABLE, "")
    if not address:
        yield None
        return
    client = _client(address)
    try:
        yield client.get_executor(pure=False)
    finally:
        client.close(timeout=_PATIENCE)


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
