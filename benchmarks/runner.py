"""Run contenders side by side: each call in a process of its own, in turn, and what came of it summed up.

A contender that fails is a line of the result that says so, and the others go on.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import answer
from benchmarks.answer import Answer
from benchmarks.rows import PEERS, Contender, Row

Failure = str
Outcome = Answer | Failure
Ask = Callable[[str], Outcome]

_LONGEST = 4 * 3600  # seconds of a contender in one round


def alternate(names: Sequence[str], ask: Ask, *, rounds: int) -> dict[str, list[Outcome]]:
    """Return what each contender answered in each round.

    A round asks every contender once, so that a machine that slows down slows all of them; every second round goes
    backwards, so that none always follows the same one. Who has failed is not asked again.
    """
    found: dict[str, list[Outcome]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names[::-1] if number % 2 else names:
            if not any(isinstance(outcome, Failure) for outcome in found[name]):
                found[name].append(ask(name))
    return found


def summary(row: Row, found: Mapping[str, Sequence[Outcome]]) -> list[dict[str, Any]]:
    """Return a line for each contender: median, lowest and highest figure, and its time over that of the first.

    A figure is in the unit of the row. One that failed in any round has nothing but its name and why.
    """
    lines = [_line(row, name, outcomes) for name, outcomes in found.items()]
    ours = lines[0].get("seconds_each")
    for line in lines:
        if ours and "seconds_each" in line:
            line["ratio"] = round(line["seconds_each"] / ours, 3)
    return lines


def _line(row: Row, name: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    line: dict[str, Any] = {"name": name, "label": row.contenders[name].label}
    answers = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    if failures or not answers:
        return line | {"failed": failures[0] if failures else "not asked"}
    each = [one.seconds / one.amount for one in answers]
    figures = [1 / seconds for seconds in each] if row.rate else each
    middle = min(answers, key=lambda one: abs(one.seconds / one.amount - median(each)))
    return line | {
        "median": answer.rounded(median(figures)),
        "lowest": answer.rounded(min(figures)),
        "highest": answer.rounded(max(figures)),
        "seconds_each": median(each),
        "said": dict(middle.said),
        "parts": _parts([one.parts for one in answers]),
        "versions": dict(middle.versions),
    }


def _parts(rounds: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """Return the median over rounds of every figure of every part."""
    return {
        part: {key: answer.rounded(median(each[part][key] for each in rounds)) for key in figures}
        for part, figures in rounds[0].items()
    }


def process(contender: Contender, *, inputs: Path, peers: Path) -> Outcome:
    """Ask a contender in a process of its own; return its answer, or in one line why there is none.

    `peers` is the environment that the peers are installed in.
    """
    python = peers / "bin" / "python" if contender.environment == PEERS else Path(sys.executable)
    command = [str(python), "-m", "benchmarks.contender", contender.call, str(inputs), *contender.told]
    packages = next(peers.glob("lib/python*/site-packages"), peers)
    environment = {**os.environ, "BENCH_PEERS": str(packages), "PYTHONPATH": str(Path.cwd())}
    try:
        done = subprocess.run(  # noqa: S603 (our own words)
            command, env=environment, capture_output=True, text=True, check=False, timeout=_LONGEST
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{type(error).__name__}: {error}"
    try:
        if done.returncode == 0:
            return answer.read(done.stdout.splitlines()[-1])
    except (IndexError, ValueError, TypeError):
        return f"expected an answer, got {done.stdout[-200:]!r}"
    said = [line for line in done.stderr.splitlines() if line.strip()]
    return said[-1].strip() if said else f"exit code {done.returncode}"
