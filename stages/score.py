"""Score one model: from the evidence to its metrics, how each of them was made, and a verdict on every image."""

import json
from pathlib import Path

from robust_digits import files, tables
from robust_digits.command import run
from robust_digits.judge import evidence, scoring
from robust_digits.params import Section


class Params(Section):
    """Nothing: this stage depends on its inputs alone."""


def main(_: Params, found: Path, metrics: Path, details: Path, verdicts: Path) -> None:
    judged = evidence.load(found)
    scores, rows = scoring.metrics(judged), scoring.verdicts(judged)
    lines = (f"  {json.dumps(name)}: {json.dumps(detail)}" for name, detail in scoring.details(judged).items())
    files.write(metrics, json.dumps(scores, indent=2) + "\n")
    files.write(details, "{\n" + ",\n".join(lines) + "\n}\n")
    tables.write(verdicts, rows, columns=list(rows[0]))
    said = ", ".join(f"{name} {share:.1%}" for name, share in scores["accuracy"].items() if share is not None)
    print(f"{metrics.stem}: {said} -> {metrics}, {details}, {verdicts}")


if __name__ == "__main__":
    run(main)
