"""Draw every plot and picture, all models side by side, from what training and evaluation left."""

from pathlib import Path

from robust_digits import tables
from robust_digits.command import run
from robust_digits.data import images
from robust_digits.files import replacing
from robust_digits.judge import charts, evidence, plots
from robust_digits.params import Positive, Section


class Craft(Section, others=("norm", "fraction")):
    """The size of the attack, for the captions."""

    eps: Positive


class Params(Section):
    """What this stage reads from params.yaml."""

    craft: Craft


def main(params: Params, test: Path, histories: Path, shown: Path, out: Path, *models: str) -> None:
    test_set = images.load(test)
    judged = {model: evidence.load(shown / f"{model}.npz") for model in models}
    history = {model: tables.read(histories / f"{model}.csv") for model in models}
    with replacing(out) as folder:
        for model, found in judged.items():
            plots.training(folder / "training" / f"{model}.csv", histories / f"{model}.csv")
            plots.per_class(folder / "per_class" / f"{model}.csv", found)
            for view in ("clean", "fgm_fresh"):
                plots.confusion(folder / "confusion" / f"{model}_{view}.csv", found, view=view)
            title = f"{model}: attacked afresh, FGM eps {params.craft.eps:g}"
            charts.attack(folder / "pictures" / f"attack_{model}.png", test_set, found, title=title)
            charts.mistakes(folder / "pictures" / f"mistakes_{model}.png", test_set, found, title=model)
        charts.samples(folder / "pictures" / "samples.png", test_set)
        charts.digit(folder / "pictures" / "digit.png", test_set, judged["baseline"], eps=params.craft.eps)
        charts.accuracies(folder / "pictures" / "accuracies.png", judged)
        charts.confusions(folder / "pictures" / "confusions.png", judged)
        charts.learning(folder / "pictures" / "learning.png", history)
    print(f"{', '.join(models)} -> {out}")


if __name__ == "__main__":
    run(main)
