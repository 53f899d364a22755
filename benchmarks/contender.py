"""One contender in a process of its own: `python -m benchmarks.contender MODULE:FUNCTION INPUTS [WHAT IT IS TOLD ...]`.

The function is one of benchmarks/contenders, and takes the inputs; its answer is the last line that is printed.
"""

import sys
from importlib import import_module
from pathlib import Path

from benchmarks import inputs


def main(call: str, folder: str, *told: str) -> None:
    """Do the work and print the answer."""
    module, function = call.split(":")
    work = getattr(import_module(f"benchmarks.contenders.{module}"), function)
    print(work(inputs.load(Path(folder)), *told).line())


if __name__ == "__main__":
    main(*sys.argv[1:])
