"""Figures of a detector are what its verdicts, image by image, say."""

import json
from pathlib import Path

import numpy as np
from support.detection import COUNT, views

from robust_digits.detect import figures
from robust_digits.detect.scores import Seen
from robust_digits.judge.scoring import interval


def test_shares_are_those_of_the_verdicts() -> None:
    """Each by its definition, beside how many images it is of and its interval."""
    made = views()
    found = figures.figures(made, false_alarms=(0.05,))
    assert found["clean"]["alone"]["share"] == 0.95  # the last image is wrong
    assert found["clean"]["false_alarms_5"] | {"threshold": 0} == {
        "share": 0.05,
        "images": COUNT,
        "interval": [round(end, 4) for end in interval(1, COUNT)],
        "threshold": 0,
    }
    assert found["clean"]["false_alarms_5"]["threshold"] == made["validation"].scores[-2]
    assert found["clean"]["handled_5"]["share"] == 0.9  # image 0 is right and flagged
    old = found["fgm_transfer"]
    assert (old["alone"]["share"], old["detected_5"]["share"], old["handled_5"]["share"]) == (0, 1, 1)
    assert (old["area"]["share"], old["area"]["images"]) == (1, 19)  # the one that is wrong anyway does not count
    known = found["evasion"]
    assert (known["detected_5"]["share"], known["handled_5"]["share"]) == (0, 0.2)


def test_the_worst_case_counts_what_stands_everywhere() -> None:
    """An image counts that is right and not flagged clean, and right or flagged under every attack."""
    made = views()
    found = figures.figures(made, false_alarms=(0.05,))["worst_case"]
    assert found["alone"]["share"] == 0  # the old set breaks all
    assert found["handled_5"]["share"] == 0.2  # 15 to 18: who knows the detector leaves them
    made["clean"].scores[15:17] = 1.0
    assert figures.figures(made, false_alarms=(0.05,))["worst_case"]["handled_5"]["share"] == 0.1


def test_without_adversarial_images_there_is_nothing_to_detect() -> None:
    """An attack that breaks nothing has no share of detected images, which is not 0."""
    made = views()
    clean = made["clean"]
    made["fgm"] = Seen(clean.labels, clean.predicted, np.ones(COUNT))
    found = figures.figures(made, false_alarms=(0.05,))["fgm"]
    assert found["area"] == found["detected_5"] == {"share": None, "images": 0, "interval": None}


def test_metrics_and_details_tell_the_same(tmp_path: Path) -> None:
    """Every share of the metrics has its line of details."""
    paths = tmp_path / "metrics.json", tmp_path / "details.json"
    figures.save({"robust": {"one": views()}}, false_alarms=(0.005, 0.05), metrics=paths[0], details=paths[1])
    metrics, details = (json.loads(path.read_bytes()) for path in paths)
    shares = {
        f"robust.one.{view}.{name}": share
        for view, named in metrics["robust"]["one"].items()
        for name, share in named.items()
    }
    assert shares == {name: made["share"] for name, made in details.items()}
    assert "robust.one.evasion.detected_0_5" in shares
