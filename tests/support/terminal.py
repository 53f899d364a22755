"""A terminal for a command to run in, as a person at a keyboard has it."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

# Whoever runs the tests in the background ignores Ctrl-C, and so would all that they start.
SPAWN = """
import os, pty, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
"""
WIDE = ("sh", "-c", 'stty columns 160 rows 40 && exec "$@"', "sh")
INTERRUPT = b"\x03"  # what Ctrl-C sends
_PATIENCE = 300  # seconds, after which a command that hangs is killed


def watched(*command: str, at: Path, until: Callable[[str], bool] = lambda _: False) -> tuple[int, str]:
    """Run a command in a terminal of its own; return its exit code and all that it wrote there.

    Ctrl-C is typed once `until` holds for what was written so far.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(
        [sys.executable, "-c", SPAWN, *WIDE, *command],
        cwd=at,
        env={**os.environ, "PATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdin
        assert process.stdout
        watchdog = threading.Timer(_PATIENCE, process.kill)
        watchdog.start()
        written, typed = b"", False
        while part := process.stdout.read(4096):
            written += part
            if not typed and until(written.decode(errors="ignore")):
                typed = bool(process.stdin.write(INTERRUPT))
        watchdog.cancel()
    return process.returncode, written.decode()


def lines(written: str) -> list[str]:
    """Return what a terminal shows in the end, line by line: of what overwrote itself, the last."""
    shown = [re.sub(r"\x1b\[\w*", "", line).rstrip("\r").split("\r")[-1].rstrip() for line in written.split("\n")]
    return [line for line in shown if line]
