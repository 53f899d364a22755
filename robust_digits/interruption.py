"""Ctrl-C ends a command in one line also while Python loads what it is made of, which takes seconds with TensorFlow.

Importing this module is enough for what is loaded after it; `command` does so before anything slow.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType


def said(name: str) -> None:
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


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an exception that nobody caught; Python itself then ends as a shell expects."""
    if issubclass(kind, KeyboardInterrupt):
        said(Path(sys.argv[0]).stem)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _uncaught
