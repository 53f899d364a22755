"""Score one model: from the evidence to its metrics, how each of them was made, and a verdict on every image."""

from pathlib import Path
from typing import Annotated

from robust_digits.command import run
from robust_digits.params import Section


class Params(Section):
    """Nothing: this stage depends on its inputs alone."""


def main(
    _: Params,
    found: Annotated[Path, "input: the evidence of one model"],
    metrics: Annotated[Path, "output: its metrics, as JSON"],
    details: Annotated[Path, "output: how each of them was made, as JSON"],
    verdicts: Annotated[Path, "output: right or wrong, each image under each attack, as CSV"],
) -> None:
    from robust_digits.judge import evidence, scoring, views

    judged = evidence.load(found)
    scoring.save(judged, scoring.Places(metrics, details, verdicts))
    shares, undecided = judged.verdicts(), scoring.undecided(judged)
    if judged.certified is not None and undecided is not None:
        shares |= {views.CERTIFIED: judged.certified, "open": undecided}
    said = ", ".join(f"{view} {scoring.accuracy(right):.1%}" for view, right in shares.items())
    print(f"{metrics.stem}: {said} -> {metrics}, {details}, {verdicts}")


if __name__ == "__main__":
    run(main)
