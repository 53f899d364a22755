"""The machine that a result was made on: results are equal to the byte on one kind of machine."""

import os
import platform
import re
from pathlib import Path

UNKNOWN = "unknown, made elsewhere than it was recorded"


def name() -> str:
    """Return this machine's processor, number of cores and system, in one line."""
    cpuinfo = Path("/proc/cpuinfo")
    names = (
        [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")] if cpuinfo.exists() else []
    )
    cpu = names[0].split(": ", 1)[1] if names else platform.processor() or platform.machine()
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def kind(named: str) -> str:
    """Return a machine's name without its number of cores, which `threads` makes irrelevant."""
    return re.sub(r", \d+ cores,", ",", named)
