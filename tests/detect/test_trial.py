"""A trial shows detectors every view, and its check is red when who knows the detector finds less than who does not."""

from collections.abc import Sequence

import numpy as np
import pytest
from support.evaluations import COUNT, crafted, dense, digits, under

from robust_digits.attack.table import Plain, Restarts, Samples
from robust_digits.attack.target import Images, Target
from robust_digits.detect import detectors, figures, sanity, trial
from robust_digits.detect.evasion import Evasion
from robust_digits.detect.scores import Seen
from robust_digits.detect.settings import Evading, Mahalanobis, Squeezing

pytestmark = pytest.mark.usefixtures("tensorflow")

CHOSEN = {"squeezing": Squeezing(bits=1, median=2), "mahalanobis": Mahalanobis(ridge=0.01)}
FEW = Evading(steps=10, starts=1, weights=(1.0,))
ATTACKS = {"fgm": Plain(), "pgd": Restarts(steps=5, restarts=1), "deepfool": Samples(samples=6)}


def tried(*names: str) -> dict[str, dict[str, Seen]]:
    """Return what some detectors say beside a model without a defence."""
    suite = under(dense())
    shown = trial.Shown(digits()[:40], digits(), crafted(suite))
    chosen = {name: CHOSEN[name] for name in names}
    built = detectors.build(suite.victim.model, chosen, digits())
    return trial.run(suite, built, shown, attacks=ATTACKS, evading=FEW, seed=0)


def red(views: dict[str, Seen]) -> set[str]:
    """Return the names of the checks that fail."""
    found = sanity.checks(views, detector="one", false_alarms=(0.01, 0.05))
    return {name for name, check in found.items() if not check.passed}


@pytest.fixture(scope="module")
def both() -> dict[str, dict[str, Seen]]:
    """Return what both detectors say."""
    return tried(*CHOSEN)


def test_every_view_is_shown(both: dict[str, dict[str, Seen]]) -> None:
    """Validation images, and all test images: clean, crafted, under each attack of the suite, and who knows."""
    for views in both.values():
        counts = {view: len(seen.labels) for view, seen in views.items()}
        rest = dict.fromkeys(["clean", "fgm_transfer", *ATTACKS, "evasion"], COUNT)
        assert counts == {"validation": 40, **rest}
        clean, few = views["clean"], views["deepfool"]
        np.testing.assert_array_equal(few.scores[6:], clean.scores[6:])  # of images that it never saw
        assert not np.array_equal(few.scores[:6], clean.scores[:6])


def test_who_knows_a_detector_finds_as_much(both: dict[str, dict[str, Seen]]) -> None:
    """The checks are green, and less is handled than under the attacks that do not know."""
    for views in both.values():
        assert not red(views)
        judged = figures.Judged(views, false_alarms=0.05)
        assert judged.handled("evasion").mean() <= min(judged.handled(each).mean() for each in ("fgm", "pgd"))


def test_an_attack_that_finds_nothing_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who claims to know the detector and gives the images back turns every check red."""

    def lame(_: Evasion, target: Target, settings: Evading, *, starts: Sequence[Images]) -> Images:  # noqa: ARG001
        return target.images.copy()

    monkeypatch.setattr(Evasion, "attack", lame)
    assert red(tried("squeezing")["squeezing"]) == {"one_evasion_1", "one_evasion_5"}


def test_without_another_attack_nothing_is_measured(both: dict[str, dict[str, Seen]]) -> None:
    """A check that has nothing to compare with is red, not green."""
    views = {name: seen for name, seen in both["squeezing"].items() if name not in ATTACKS}
    assert red(views) == {"one_evasion_1", "one_evasion_5"}
    assert all(check.measured is None for check in sanity.checks(views, detector="one", false_alarms=(0.05,)).values())


def test_the_transfer_set_is_no_measure_of_strength(both: dict[str, dict[str, Seen]]) -> None:
    """It may be crafted in a larger ball: that less is handled there says nothing against who knows the detector."""
    views = dict(both["squeezing"])
    clean = views["clean"]
    views["fgm_transfer"] = Seen(clean.labels, (clean.labels + 1) % 3, np.full(COUNT, -1.0))
    assert not red(views)
