"""A stage ends with the DVC that started it.

Killed by a signal that cannot be caught, DVC leaves its stage running, which would later write over what a newer run
has made. A thread looks, so that this holds on every POSIX system, and also where DVC starts stages in threads of its
own, or through a shell that stays between the two. A stage that is run by hand is nobody's.
"""

import os
import signal
import threading
import time
from pathlib import Path

_STAGE = "DVC_STAGE"  # which DVC sets for every command that it runs
_SHELLS = {"ash", "bash", "dash", "fish", "ksh", "sh", "zsh"}
_SECONDS = 0.2


def hold() -> None:
    """End this process as soon as the DVC that started it is gone."""
    if _STAGE in os.environ:
        threading.Thread(target=_watch, args=(_above(),), daemon=True).start()


def _watch(above: list[int]) -> None:
    while _above() == above:
        time.sleep(_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)  # whatever the other threads are in; what it was writing is cleared away later


def _above() -> list[int]:
    """Return the process that started this one and, where that is a shell, the one that started the shell."""
    found = [os.getppid()]
    while above := _starter_of_shell(found[-1]):
        found.append(above)
    return found


def _starter_of_shell(process: int) -> int | None:
    """Return the process that started a shell; None for what is none, and where the system has no /proc."""
    try:
        told = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    start, _, rest = told.rpartition(")")  # number (name) state parent
    return int(rest.split()[1]) if start.partition("(")[2] in _SHELLS else None
