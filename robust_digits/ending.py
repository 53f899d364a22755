"""How a command ends before its work does: in one line on Ctrl-C, and with the DVC that started it.

**Ctrl-C** is heeded also while Python loads what a command is made of, which takes seconds with TensorFlow: importing
this module is enough for what is loaded after it; `command` does so before anything slow.

**DVC**, killed by a signal that cannot be caught, leaves its stage running, which would later write over what a newer
run has made. A thread looks, so that a stage ends with it on every POSIX system, and also where DVC starts stages in
threads of its own, or through a shell that stays between the two. A stage that is run by hand is nobody's.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

_STAGE = "DVC_STAGE"  # which DVC sets for every command that it runs
_SHELLS = {"ash", "bash", "dash", "fish", "ksh", "sh", "zsh"}
_SECONDS = 0.2


def hold() -> None:
    """End this process as soon as the DVC that started it is gone."""
    if _STAGE in os.environ:
        threading.Thread(target=_watch, args=(_above(),), daemon=True).start()


def interrupted(name: str) -> None:
    """Say that a command was interrupted."""
    print(f"{name}: interrupted", file=sys.stderr)


@contextmanager
def heeded() -> Iterator[None]:
    """Let Ctrl-C end this block by `KeyboardInterrupt`, whatever foreign code in it makes of that.

    An extension that is interrupted while it loads raises an error of its own, or goes on without what it could not
    load.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # somebody ignores Ctrl-C, or handles it
        yield
        return
    pressed = []

    def note(*_: object) -> None:
        pressed.append(True)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, note)
    try:
        yield
    except BaseException:
        if pressed:
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if pressed:
        raise KeyboardInterrupt


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


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an exception that nobody caught; Python itself then ends as a shell expects."""
    if issubclass(kind, KeyboardInterrupt):
        interrupted(Path(sys.argv[0]).stem)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _uncaught
