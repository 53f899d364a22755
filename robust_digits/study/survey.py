"""Run every attack of the table on a few test images, the slow ones too, and print how each one does."""

import argparse
import time
from pathlib import Path

from robust_digits.attack.table import ATTACKS, Attacks
from robust_digits.command import guarded
from robust_digits.data import images
from robust_digits.params import Positive, Section, Seed, Threads, load

_HEADER = f"{'attack':<20} {'right within eps':>17} {'right at all':>13} {'median L2':>10} {'Linf':>6} {'s/image':>8}"


class Evaluate(Section, others=("curve",)):
    """The size of the ball, and the settings of the attacks that the pipeline runs."""

    eps: Positive
    attacks: Attacks


class Params(Section):
    """What this command reads from params.yaml."""

    seed: Seed
    threads: Threads
    evaluate: Evaluate


def survey(params: Params, model: Path, test: Path, transfer: Path, *, samples: int) -> None:
    """Print a line for each attack: accuracy, median size of the perturbations that succeed, seconds an image."""
    import numpy as np  # noqa: PLC0415

    from robust_digits import perturbation, runtime  # noqa: PLC0415 (after the parameters are checked)
    from robust_digits.attack.suite import Suite  # noqa: PLC0415
    from robust_digits.learn import models  # noqa: PLC0415

    runtime.start(seed=params.seed, threads=params.threads)
    few, crafted = images.load(test)[:samples], images.load(transfer)[:samples]
    suite = Suite(models.load(model, few), eps=params.evaluate.eps, seed=params.seed)
    settings = Attacks.everything(samples=samples).chosen() | params.evaluate.attacks.chosen()
    print(f"{model.stem} on the first {len(few)} test images, eps {params.evaluate.eps:g}\n{_HEADER}")
    for name in ATTACKS:
        start = time.perf_counter()
        found = suite.perturb(name, settings[name], few, np.asarray(crafted.images)).images
        seconds = (time.perf_counter() - start) / len(few)
        fooled = suite.model.predict(found).argmax(axis=1) != few.labels
        l2, linf = (perturbation.sizes(found - few.images, norm=norm) for norm in (2, "inf"))
        within = fooled & (linf <= params.evaluate.eps + perturbation.TOLERANCE)
        won = fooled & (linf > 0)  # what was wrong before needed no perturbation
        sizes = [f"{np.median(size[won]):.2f}" if won.any() else "-" for size in (l2, linf)]
        shares = f"{1 - within.mean():>17.1%} {1 - fooled.mean():>13.1%}"
        print(f"{name:<20} {shares} {sizes[0]:>10} {sizes[1]:>6} {seconds:>8.3f}", flush=True)


@guarded
def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m robust_digits.study.survey", description=__doc__)
    parser.add_argument("model", type=Path, help="models/<model>.keras")
    parser.add_argument("test", type=Path, help="the test images, data/normalized/test")
    parser.add_argument("transfer", type=Path, help="their FGM images against the baseline, data/adversarial/test/fgm")
    parser.add_argument("--samples", type=int, default=10, help="how many of the first test images (default 10)")
    given = parser.parse_args()
    if given.samples < 1:
        parser.error(f"--samples: expected one at least, got {given.samples}")
    survey(load(Params), given.model, given.test, given.transfer, samples=given.samples)


if __name__ == "__main__":
    main()
