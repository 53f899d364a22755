"""Draw every plot and picture, all models side by side, and check that the evaluation itself works."""

from pathlib import Path

from robust_digits import tables
from robust_digits.command import run
from robust_digits.data import images
from robust_digits.draw import charts, plots
from robust_digits.judge import evidence, sanity
from robust_digits.params import Section


class Params(Section):
    """Nothing: this stage depends on its inputs alone."""


def main(_: Params, test: Path, histories: Path, found: Path, out: Path, checks: Path, *models: str) -> None:
    test_set = images.load(test)
    judged = {model: evidence.load(found / f"{model}.npz") for model in models}
    history = {model: tables.read(histories / f"{model}.csv") for model in models}
    pictures = out / "pictures"
    for model, each in judged.items():
        plots.training(out / "training" / f"{model}.csv", histories / f"{model}.csv")
        plots.per_class(out / "per_class" / f"{model}.csv", each)
        for view in (evidence.CLEAN, evidence.FGM_WHITE_BOX):
            plots.confusion(out / "confusion" / f"{model}_{view}.csv", each, view=view)
        for curve in ("linf", "l2", evidence.CERTIFIED):
            plots.security(out / "security" / f"{model}_{curve}.csv", each, curve=curve)
        charts.attack(pictures / f"attack_{model}.png", each, model=model)
        charts.mistakes(pictures / f"mistakes_{model}.png", test_set, each, model=model)
    plots.grey_bound(out / "security" / "grey_bound.csv", judged[models[0]])
    charts.samples(pictures / "samples.png", test_set)
    charts.digit(pictures / "digit.png", judged[models[0]])
    charts.accuracies(pictures / "accuracies.png", judged)
    charts.security(pictures / "security.png", judged)
    charts.confusions(pictures / "confusions.png", judged)
    charts.learning(pictures / "learning.png", history)
    tried = {model: sanity.checks(each, control=model == models[0]) for model, each in judged.items()}
    sanity.save(checks, tried)
    red = [line for line in sanity.lines(tried) if line.startswith("RED")]
    print(*red, f"{', '.join(models)}: {len(red) or 'no'} red checks -> {out}, {checks}", sep="\n")


if __name__ == "__main__":
    run(main)
