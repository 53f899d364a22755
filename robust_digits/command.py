"""Turn a function into a command, with one policy of exit codes for all of them.

0: done. 1: what was judged failed. 2: could not be done: a parameter, an argument or a file is not what it must be, and
one line on the error stream says which. Any other exception is a fault of ours and keeps its traceback.
"""

import argparse
import inspect
import os
import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_type_hints

from robust_digits import ending  # before anything slow
from robust_digits.errors import InputError, first_line
from robust_digits.params import PARAMS_FILE, Section, check, load

STAGES = Path("stages")
FAILED, REFUSED = 1, 2
_EXHAUSTED = "ResourceExhaustedError"  # TensorFlow's, which is too slow to import for a name
INTERRUPTED, PIPE_CLOSED = 130, 141  # as a shell counts a process that a signal ended


def guarded(main: Callable[[], int | None]) -> Callable[[], None]:
    """Return a `main`, which reads its own command line and returns an exit code (None: 0), as a command.

    The process ends here where the code is not 0, or where `main` raised an `InputError`, ran out of memory, or could
    not read or write a file; its module's name stands before the line that says why.
    """

    @wraps(main)
    def ended() -> None:
        code = _code(Path(inspect.getfile(main)).stem, main)
        if code:
            sys.exit(code)

    return ended


def run(main: Callable[..., None]) -> None:
    """Run a stage from the command line.

    `main` takes `params`, a `Section` that is loaded from params.yaml, and then its arguments, paths or names, in the
    order of its signature. The docstring of its module is the help text, and so is what an argument is annotated with.

    A stage that DVC started ends with it.
    """
    ending.hold()
    arguments = list(inspect.signature(main).parameters.values())
    hints = get_type_hints(main, include_extras=True)
    script = inspect.getmodule(main)
    name = Path(inspect.getfile(main)).stem
    parser = argparse.ArgumentParser(
        prog=f"python -m stages.{name}",
        description=script.__doc__ if script else None,
        epilog=f"Parameters come from {PARAMS_FILE} in the current folder.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for argument in arguments[1:]:
        kind, *said = get_args(hints[argument.name]) or (hints[argument.name],)
        parser.add_argument(argument.name, type=kind, help=" ".join(said))
    given = vars(parser.parse_args())
    section = _section(hints[arguments[0].name])
    code = _code(name, lambda: main(_checked(section), *(given[argument.name] for argument in arguments[1:])))
    if code:
        sys.exit(code)


def _code(name: str, work: Callable[[], int | None]) -> int:
    """Do the work and return its exit code; say in one line, after `name`, why it could not be done."""
    try:
        return work() or 0
    except InputError as error:
        said: Any = error
    except BrokenPipeError:  # whoever read what is printed has seen enough: `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:
        if error.errno is None:
            raise
        said = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    except MemoryError as error:
        said = f"out of memory: {first_line(error)}"
    except KeyboardInterrupt:
        ending.interrupted(name)
        return INTERRUPTED
    except Exception as error:
        if type(error).__name__ != _EXHAUSTED:
            raise
        said = f"out of memory: {first_line(error)}"
    print(f"{name}: {said}", file=sys.stderr)
    return REFUSED


def _checked(kind: type[Section]) -> Section:
    """Return what a stage reads from params.yaml, if every stage of the current folder finds there what it reads.

    So the first stage that runs refuses what a later one would fail on. None declares to DVC that it looks at the keys
    and scripts of the others: they decide whether it runs, and nothing of what it writes.
    """
    scripts = sorted(STAGES.glob("*.py"))
    check([kind, *(import_module(f"{STAGES}.{script.stem}").Params for script in scripts)])
    return load(kind)


def _section(hint: type) -> type[Section]:
    """Return the type of `main`'s first argument, which must be a section."""
    if not issubclass(hint, Section):
        raise TypeError(f"expected a Section as the first argument of main, got {hint}")
    return hint
