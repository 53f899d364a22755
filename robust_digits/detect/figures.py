"""From scores to figures: what a detector finds, what it costs, and what model and detector together get right.

An attacked image is handled when it is classified right or flagged, a clean one when it is classified right and not
flagged. Adversarial are the images that the model gets right clean and wrong under the attack: what is detected is a
share of these.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits import files
from robust_digits.attack.table import ATTACKS
from robust_digits.detect import roc
from robust_digits.detect.scores import VALIDATION, Seen, Views
from robust_digits.judge import scoring
from robust_digits.judge.views import CLEAN, WORST_CASE

Bools = NDArray[np.bool_]


class Judged:
    """One detector beside its model: the verdicts behind every figure, at one share of false alarms."""

    def __init__(self, views: Views, *, false_alarms: float) -> None:
        """Choose the threshold on the validation images of `views`."""
        self._views = views
        self.threshold = roc.threshold(views[VALIDATION].scores, false_alarms)

    def flagged(self, view: str) -> Bools:
        """Return which images of a view the detector takes for attacked, (n,)."""
        verdict: Bools = self._views[view].scores > self.threshold
        return verdict

    def detected(self, view: str) -> Bools:
        """Return which of the adversarial images of a view are flagged."""
        return self.flagged(view)[adversarial(self._views, view)]

    def handled(self, view: str) -> Bools:
        """Return which images model and detector together handle; in the worst case clean and under every attack."""
        if view == WORST_CASE:
            return _everywhere(self.handled(each) for each in self._views if each != VALIDATION)
        right, flagged = self._views[view].right, self.flagged(view)
        verdict: Bools = right & ~flagged if view == CLEAN else right | flagged
        return verdict


def adversarial(views: Views, view: str) -> Bools:
    """Return which images of a view are wrong there and right clean, (n,)."""
    verdict: Bools = views[CLEAN].right & ~views[view].right
    return verdict


def attacks(views: Iterable[str]) -> list[str]:
    """Return the views of images that were attacked."""
    return [view for view in views if view not in {VALIDATION, CLEAN}]


def white_box(views: Iterable[str]) -> list[str]:
    """Return the views under attacks of the suite that follow gradients of the model and know of no detector."""
    return [view for view in views if view in ATTACKS and (ATTACKS[view].white_box or ATTACKS[view].members)]


def figures(views: Views, *, false_alarms: Sequence[float]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return every figure of one detector, by view and name: `share`, `images`, and the ends of its 95% `interval`.

    `share` and `interval` are None where there is no adversarial image.
    """
    judged = {percent(share): Judged(views, false_alarms=share) for share in false_alarms}
    found: dict[str, dict[str, dict[str, Any]]] = {CLEAN: {"alone": _share(views[CLEAN].right)}}
    for name, each in judged.items():
        found[CLEAN][f"false_alarms_{name}"] = _share(each.flagged(CLEAN)) | {"threshold": each.threshold}
        found[CLEAN][f"handled_{name}"] = _share(each.handled(CLEAN))
    for view in attacks(views):
        found[view] = {"alone": _share(views[view].right), "area": _area(views, view)}
        for name, each in judged.items():
            found[view][f"detected_{name}"] = _share(each.detected(view))
            found[view][f"handled_{name}"] = _share(each.handled(view))
    standing = _everywhere(seen.right for view, seen in views.items() if view != VALIDATION)
    found[WORST_CASE] = {"alone": _share(standing)}
    found[WORST_CASE] |= {f"handled_{name}": _share(each.handled(WORST_CASE)) for name, each in judged.items()}
    return found


def save(
    tried: Mapping[str, Mapping[str, Views]], *, false_alarms: Sequence[float], metrics: Path, details: Path
) -> None:
    """Write the share behind every figure by model, detector, view and name; and how each figure was made."""
    found = {
        model: {name: figures(views, false_alarms=false_alarms) for name, views in detectors.items()}
        for model, detectors in tried.items()
    }
    shares = {
        model: {
            name: {view: {each: made["share"] for each, made in named.items()} for view, named in views.items()}
            for name, views in detectors.items()
        }
        for model, detectors in found.items()
    }
    files.write(metrics, json.dumps(shares, indent=2) + "\n")
    lines = (
        f"  {json.dumps(f'{model}.{name}.{view}.{each}')}: {json.dumps(made)}"
        for model, detectors in found.items()
        for name, views in detectors.items()
        for view, named in views.items()
        for each, made in named.items()
    )
    files.write(details, "{\n" + ",\n".join(lines) + "\n}\n")


def percent(share: float) -> str:
    """Return a share of false alarms as names have it: `5` for 0.05, `0_5` for 0.005."""
    return f"{100 * share:g}".replace(".", "_")


def _everywhere(verdicts: Iterable[Bools]) -> Bools:
    every: Bools = np.all(list(verdicts), axis=0)
    return every


def _share(verdicts: Bools) -> dict[str, Any]:
    if not len(verdicts):
        return {"share": None, "images": 0, "interval": None}
    return {
        "share": scoring.accuracy(verdicts),
        "images": len(verdicts),
        "interval": _rounded(scoring.interval(int(verdicts.sum()), len(verdicts))),
    }


def _area(views: Mapping[str, Seen], view: str) -> dict[str, Any]:
    clean, attacked = views[CLEAN].scores, views[view].scores[adversarial(views, view)]
    if not len(attacked):
        return {"share": None, "images": 0, "interval": None}
    return {
        "share": round(roc.area(clean, attacked), scoring.DECIMALS),
        "images": len(attacked),
        "interval": _rounded(roc.area_interval(clean, attacked)),
    }


def _rounded(ends: tuple[float, float]) -> list[float]:
    return [round(end, scoring.DECIMALS) for end in ends]
