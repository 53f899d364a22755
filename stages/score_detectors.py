"""Score detectors: from what they said of each image to figures, checks and ROC curves; attacks nothing."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from robust_digits.command import run
from robust_digits.detect.settings import FalseAlarms
from robust_digits.params import Models, Positive, Section


class Craft(Section, others=("norm", "fraction", "attacks")):
    """The size of the perturbations of the transfer set."""

    eps: Positive


class Evaluate(Section, others=("attacks", "curve")):
    """The radius of the ball that the attacks stayed in."""

    eps: Annotated[Positive, Field(le=1)]


class Detect(Section, others=("samples", "detectors", "evasion")):
    """The shares of clean images that may be flagged."""

    false_alarms: FalseAlarms


class Params(Section):
    """What this stage reads from params.yaml."""

    models: Models
    craft: Craft
    evaluate: Evaluate
    detect: Detect


def main(
    params: Params,
    found: Annotated[Path, "input: the folder with what detectors said beside each model"],
    metrics: Annotated[Path, "output: the figures, as JSON"],
    details: Annotated[Path, "output: how each of them was made, as JSON"],
    checked: Annotated[Path, "output: the checks of the attack that knows the detectors, as JSON"],
    drawn: Annotated[Path, "output: ROC curves, as PNG"],
) -> None:
    from robust_digits.detect import figures, sanity, scores
    from robust_digits.draw import roc
    from robust_digits.judge import checks

    shares = params.detect.false_alarms
    tried = {model: scores.load(found / f"{model}.csv") for model in params.models}
    figures.save(tried, false_alarms=shares, metrics=metrics, details=details)
    table = {
        model: {
            name: check
            for detector, views in each.items()
            for name, check in sanity.checks(views, detector=detector, false_alarms=shares).items()
        }
        for model, each in tried.items()
    }
    checks.save(checked, table)
    roc.curves(drawn, tried, eps=params.evaluate.eps, transfer_eps=params.craft.eps)
    red = [
        f"RED  {model:<9} {checks.amount(check)}  {check.says}"
        for model, each in table.items()
        for check in each.values()
        if not check.passed
    ]
    print(*red, f"{', '.join(tried)}: {len(red) or 'no'} red checks -> {metrics}, {details}, {drawn}", sep="\n")


if __name__ == "__main__":
    run(main)
