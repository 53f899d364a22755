"""Turn a stage's `main` into a command: its paths become arguments, its parameters are checked first."""

import argparse
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

from robust_digits.errors import InputError
from robust_digits.params import PARAMS_FILE, Section, load


def run(main: Callable[..., None]) -> None:
    """Run a stage from the command line.

    `main` takes `params`, a `Section` that is loaded from params.yaml, and then paths (positional arguments in the
    order of its signature) or, as `*names`, one or more strings. The docstring of its module is the help text.
    An `InputError` or a file that cannot be read or written ends the process with one line and exit code 1.
    """
    arguments = list(inspect.signature(main).parameters.values())
    hints = get_type_hints(main)
    script = inspect.getmodule(main)
    name = Path(inspect.getfile(main)).stem
    parser = argparse.ArgumentParser(
        prog=f"python -m stages.{name}",
        description=script.__doc__ if script else None,
        epilog=f"Parameters come from {PARAMS_FILE} in the current folder.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for argument in arguments[1:]:
        several = argument.kind is inspect.Parameter.VAR_POSITIONAL
        parser.add_argument(argument.name, type=hints[argument.name], nargs="+" if several else None)
    given = vars(parser.parse_args())
    values: list[Any] = []
    for argument in arguments[1:]:
        value = given[argument.name]
        values += value if isinstance(value, list) else [value]
    try:
        main(load(_section(hints[arguments[0].name])), *values)
    except InputError as error:
        sys.exit(f"{name}: {error}")
    except OSError as error:
        if error.filename is None:
            raise
        sys.exit(f"{name}: {error.filename}: {error.strerror}")


def _section(hint: type) -> type[Section]:
    """Return the type of `main`'s first argument, which must be a section."""
    if not issubclass(hint, Section):
        raise TypeError(f"expected a Section as the first argument of main, got {hint}")
    return hint
