"""Measure this project beside its peers, row by row, and write benchmarks/results.json.

`python -m benchmarks.bench` measures every row of benchmarks/rows.py, `--rows fgm pgd` some of them: the others stay as
they were recorded. `--rows` with none holds what was recorded against the targets anew. `--quick` shows that every row
works, with tiny sizes, and records nothing.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks import inputs, promises, runner
from benchmarks.rows import ROWS, Row
from robust_digits import files
from robust_digits.command import guarded
from robust_digits.errors import InputError
from robust_digits.record import machine

RESULTS, AUTOATTACK = Path("benchmarks/results.json"), Path("benchmarks/autoattack.json")


@guarded
def main() -> None:
    """Read the command line, measure, and write what was found."""
    told = _arguments()
    names = list(ROWS) if told.rows is None else told.rows
    unknown = sorted(set(names) - ROWS.keys())
    if unknown:
        raise InputError(f"--rows: expected some of {', '.join(ROWS)}, got {', '.join(unknown)}")
    known = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.exists() and not told.quick else {}
    for name in names:
        known[name] = _measured(ROWS[name], told)
        if not told.quick:
            _write(known)
    if not names and not told.quick:
        _write(known)


def _write(known: Mapping[str, Any]) -> None:
    """Write what is known so far: what was measured before somebody ends this is not lost."""
    rows = {name: known[name] for name in ROWS if name in known}
    if AUTOATTACK.exists():
        rows["autoattack"] = promises.autoattack(json.loads(AUTOATTACK.read_text(encoding="utf-8")))
    files.write(RESULTS, json.dumps({"rows": rows, "targets": promises.held(rows)}, indent=1) + "\n")


def _measured(row: Row, told: argparse.Namespace) -> dict[str, Any]:
    rounds = told.rounds or (1 if told.quick else row.rounds)
    print(f"{row.title}: {len(row.contenders)} contenders, {rounds} rounds", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        inputs.make(Path(folder), row, quick=told.quick, data=told.data)

        def ask(name: str) -> runner.Outcome:
            outcome = runner.process(row.contenders[name], inputs=Path(folder), peers=told.peers)
            print(f"  {row.contenders[name].label}: {_said(row, outcome)}", flush=True)
            return outcome

        found = runner.alternate(list(row.contenders), ask, rounds=rounds)
    return {
        "title": row.title,
        "unit": row.unit,
        "rounds": rounds,
        "sizes": dict(row.quick if told.quick else row.sizes),
        "machine": machine.name(),
        "day": datetime.now(tz=timezone.utc).date().isoformat(),
        "contenders": runner.summary(row, found),
    }


def _said(row: Row, outcome: runner.Outcome) -> str:
    if isinstance(outcome, runner.Failure):
        return f"failed: {outcome}"
    each = outcome.seconds / outcome.amount
    return f"{1 / each if row.rate else each:,.4g} {row.unit} {dict(outcome.said) or ''}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    keras = Path("~/.keras/datasets/mnist.npz").expanduser()
    parser.add_argument("--rows", nargs="*", default=None, metavar="ROW", help=f"of {', '.join(ROWS)}; default: all")
    parser.add_argument("--rounds", type=_positive, help="of every row; default: what the row says")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one round, nothing recorded")
    parser.add_argument("--peers", type=Path, default=Path(".bench"), help="their environment (%(default)s)")
    parser.add_argument("--data", type=Path, default=keras, help="mnist.npz as Keras has it (%(default)s)")
    return parser.parse_args()


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


if __name__ == "__main__":
    main()
