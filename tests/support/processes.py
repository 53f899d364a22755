"""Processes of others: which ones somebody started, and whether they still work."""

import subprocess
import time

_PATIENCE = 30  # seconds


def started_by(number: int) -> list[int]:
    """Return the processes that a process has started and that still work."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return [int(child) for child, parent, state in rows if int(parent) == number and not state.startswith("Z")]


def runs(number: int) -> bool:
    """Return whether a process still works: one that has ended and that nobody asked how does not."""
    asked = subprocess.run(["ps", "-o", "stat=", "-p", str(number)], capture_output=True, text=True, check=False)
    return asked.stdout.strip()[:1] not in {"", "Z"}


def ended(number: int) -> bool:
    """Wait for the end of a process, and return whether it came."""
    until = time.monotonic() + _PATIENCE
    while runs(number) and time.monotonic() < until:
        time.sleep(0.05)
    return not runs(number)
