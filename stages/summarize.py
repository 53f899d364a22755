"""Draw every plot and picture, all models side by side, and check that the evaluation itself works."""

from pathlib import Path
from typing import Annotated

from robust_digits.command import run
from robust_digits.errors import InputError
from robust_digits.mix.settings import FGM
from robust_digits.params import Models, Section


class Params(Section):
    """What this stage reads from params.yaml."""

    models: Models


def main(
    params: Params,
    train: Annotated[Path, "input: the training images"],
    test: Annotated[Path, "input: the test images"],
    crafted: Annotated[Path, "input: the folder with the sets of adversarial images, train and test"],
    histories: Annotated[Path, "input: the folder with the histories of the trainings"],
    found: Annotated[Path, "input: the folder with the evidence of each model"],
    out: Annotated[Path, "output: a folder with the plots and pictures"],
    checked: Annotated[Path, "output: the checks of the evaluation, as JSON"],
    control: Annotated[str, "the model without a defence, which must fall"],
) -> None:
    import numpy as np

    from robust_digits import tables
    from robust_digits.data import images
    from robust_digits.draw import bracket, charts, digits, galleries, learning, plots
    from robust_digits.judge import checks, evidence, sanity, views

    if control not in params.models:
        raise InputError(f"params.yaml: models: expected {control}, the control, among {', '.join(params.models)}")
    train_set, test_set = images.load(train), images.load(test)
    crafted_train, crafted_test = (images.load(crafted / part / FGM) for part in ("train", "test"))
    judged = {model: evidence.load(found / f"{model}.npz") for model in params.models}
    for model, each in judged.items():
        if not np.array_equal(each.labels, test_set.labels):
            raise InputError(f"{found / model}.npz: evidence on other test images than those in {test}")
    tried = {model: sanity.checks(each, control=model == control) for model, each in judged.items()}
    trained = {path.stem: tables.read(path) for path in sorted(histories.glob("*.csv"))}
    history = {model: trained[model] for model in params.models if model in trained}
    pictures = out / "pictures"
    for model in history:
        plots.training(out / "training" / f"{model}.csv", histories / f"{model}.csv")
    for view in (views.CLEAN, views.FGM_WHITE_BOX):
        plots.confusion(out / "confusion" / f"{view}.csv", judged, view=view)
    for view in (views.CLEAN, views.FGM_TRANSFER, views.FGM_WHITE_BOX, views.WORST_CASE):
        plots.per_class(out / "per_class" / f"{view}.csv", judged, view=view)
    for curve in ("linf", "l2", views.CERTIFIED):
        plots.security(out / "security" / f"{curve}.csv", judged, curve=curve)
    plots.grey_bound(out / "security" / "grey_bound.csv", judged)
    for model, each in judged.items():
        digits.attack(pictures / f"attack_{model}.png", each, model=model)
        galleries.mistakes(pictures / f"mistakes_{model}.png", test_set, each, model=model)
    galleries.samples(pictures / "samples.png", test_set)
    digits.pixels(pictures / "pixels.png", test_set)
    digits.digit(pictures / "digit.png", judged[control], model=control)
    galleries.predictions(pictures / "predictions.png", test_set, judged[control], model=control)
    galleries.fooled(pictures / "fooled.png", crafted_test, judged[control], model=control)
    made = judged[control].made[views.FGM_TRANSFER]
    galleries.crafted(pictures / "crafted.png", train_set, crafted_train, eps=made.eps)
    charts.accuracies(pictures / "accuracies.png", judged)
    charts.security(pictures / "security.png", judged)
    bracket.bracket(pictures / "bracket.png", judged)
    charts.confusions(pictures / "confusions.png", judged)
    learning.learning(pictures / "learning.png", history)
    if control in history:
        learning.logarithmic(pictures / "learning_logarithmic.png", history[control], model=control)
    checks.save(checked, tried)
    red = [
        f"RED  {model:<9} {checks.amount(check)}  {check.says}"
        for model, table in tried.items()
        for check in table.values()
        if not check.passed
    ]
    print(*red, f"{', '.join(judged)}: {len(red) or 'no'} red checks -> {out}, {checked}", sep="\n")


if __name__ == "__main__":
    run(main)
