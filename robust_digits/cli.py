"""Every command of the project under one name, for where the package is installed: robust-digits COMMAND ..."""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from robust_digits.command import guarded
from robust_digits.errors import InputError

_COMMANDS = {  # the name that make knows, and the module whose `main` it is
    "judge": "candidate.judge",
    "export": "candidate.export",
    "report": "report.report",
    "page": "report.page",
    "history": "report.trend",
    "openmetrics": "record.openmetrics",
    "audit": "record.audit",
    "gate": "report.gate",
    "study": "study.run",
    "survey": "study.survey",
    "lab": "study.lab",
    "answers": "study.answers",
    "networks": "study.networks",
    "record": "record.record",
    "trial": "record.trial",
    "reproduced": "record.reproduction",
    "pages": "record.pages",
    "deps": "record.dependencies",
}
_NOTE = "judge and export take a model from anywhere; every other command is about the project in the current folder."


@guarded
def main() -> None:
    """Hand over to the command that is named, with the arguments after its name."""
    parser = argparse.ArgumentParser(
        prog="robust-digits",
        description=f"{__doc__}\n\n{_listed()}",
        epilog=_NOTE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", nargs="?", metavar="COMMAND", help="one of those above")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="its own; COMMAND --help lists them")
    given = parser.parse_args()
    if given.command not in _COMMANDS:
        raise InputError(f"expected a command, one of {', '.join(_COMMANDS)}; got {given.command or 'none'}")
    sys.argv = [f"robust-digits {given.command}", *given.arguments]
    import_module(f"robust_digits.{_COMMANDS[given.command]}").main()


def _listed() -> str:
    """Return a line for each command: the first of its module's docstring, read without importing it."""
    return "\n".join(f"  {name:<11} {_first(module)}" for name, module in _COMMANDS.items())


def _first(module: str) -> str:
    path = Path(__file__).parent / f"{module.replace('.', '/')}.py"
    return path.read_text(encoding="utf-8").partition("\n")[0].strip('"')
