"""The data behind the plots that DVC draws."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.fabricated import fabricated, proven

from robust_digits import tables
from robust_digits.draw import plots
from robust_digits.judge.evidence import Evidence
from robust_digits.judge.views import CERTIFIED, CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, WORST_CASE


def test_learning_curve_is_the_history(tmp_path: Path) -> None:
    """The history of training is copied byte for byte, over what was there, into folders that need not exist."""
    history = tmp_path / "robust.csv"
    history.write_bytes(b"epoch,loss\n1,0.5\n")
    for _ in range(2):
        plots.training(tmp_path / "plots" / "training" / "robust.csv", history)
    assert (tmp_path / "plots" / "training" / "robust.csv").read_bytes() == b"epoch,loss\n1,0.5\n"
    assert history.read_bytes() == b"epoch,loss\n1,0.5\n"


def models(**found: Evidence) -> dict[str, Evidence]:
    """Return the evidence of models by name; of two made-up ones where none is named."""
    return found or {"baseline": fabricated(count=6)[1], "robust": fabricated(count=6, wrong=0)[1]}


def test_confusion_is_a_line_for_each_image(tmp_path: Path) -> None:
    """Every test image has a line with its true class and what each model takes it for, in order."""
    plots.confusion(tmp_path / "clean.csv", models(), view=CLEAN)
    assert (tmp_path / "clean.csv").read_bytes() == (
        b"actual,baseline,robust\n0,1,0\n1,2,1\n2,2,2\n0,0,0\n1,1,1\n2,2,2\n"
    )
    plots.confusion(tmp_path / "white_box.csv", models(), view=FGM_WHITE_BOX)
    assert (tmp_path / "white_box.csv").read_bytes().startswith(b"actual,baseline,robust\n0,1,1\n1,2,2\n2,0,0\n")


def test_confusion_needs_every_image(tmp_path: Path) -> None:
    """An attack that saw a part of the images has no confusion matrix, and leaves no file."""
    with pytest.raises(ValueError, match="shorter"):
        plots.confusion(tmp_path / "deepfool.csv", models(), view="deepfool")
    assert list(tmp_path.iterdir()) == []


def test_accuracy_within_each_class(tmp_path: Path) -> None:
    """Each class has a line with the accuracy of each model in the view."""
    both = models(baseline=fabricated(count=12)[1], robust=fabricated(count=12, wrong=0)[1])
    for view, expected in (
        (CLEAN, b"0,0.75,1.0\n1,0.75,1.0\n2,1.0,1.0\n"),
        (FGM_TRANSFER, b"0,0.5,0.5\n1,0.5,0.5\n2,0.5,0.5\n"),
        (FGM_WHITE_BOX, b"0,0.0,0.0\n1,0.0,0.0\n2,0.0,0.0\n"),
        (WORST_CASE, b"0,0.0,0.0\n1,0.0,0.0\n2,0.25,0.25\n"),
    ):
        plots.per_class(tmp_path / f"{view}.csv", both, view=view)
        assert (tmp_path / f"{view}.csv").read_bytes() == b"class,baseline,robust\n" + expected


def test_classes_that_do_not_occur_have_no_line(tmp_path: Path) -> None:
    """Accuracy is told of the classes of the test set, whatever their numbers."""
    _, found = fabricated(classes=2)
    labels, predictions = (found.labels * 7, {view: each * 7 for view, each in found.predictions.items()})
    other = replace(found, labels=labels, predictions=predictions)
    plots.per_class(tmp_path / "clean.csv", models(robust=other), view=CLEAN)
    assert [row["class"] for row in tables.read(tmp_path / "clean.csv")] == ["0", "7"]


def test_security_is_the_curve(tmp_path: Path) -> None:
    """Each point of the curves has a line; shares are rounded, sizes are not."""
    _, found = fabricated()
    curves = {"linf": found.curves["linf"], "l2": np.array([[0.0, 2 / 3], [0.125, 0.0]])}
    for curve in curves:
        plots.security(tmp_path / f"{curve}.csv", models(robust=replace(found, curves=curves)), curve=curve)
    assert (tmp_path / "linf.csv").read_bytes() == b"eps,robust\n0.0,0.9\n0.2,0.4\n0.5,0.0\n"
    assert (tmp_path / "l2.csv").read_bytes() == b"eps,robust\n0.0,0.6667\n0.125,0.0\n"


def test_security_is_what_is_certified(tmp_path: Path) -> None:
    """The certified curve is written as the others are; a model of which nothing can be proven has empty cells."""
    _, found = fabricated()
    plots.security(tmp_path / "one.csv", models(robust=found, hardened=proven(found)), curve=CERTIFIED)
    plots.security(tmp_path / "none.csv", models(robust=found), curve=CERTIFIED)
    assert (tmp_path / "one.csv").read_bytes() == b"eps,robust,hardened\n0.0,,0.45\n0.2,,0.2\n0.5,,0.0\n"
    assert (tmp_path / "none.csv").read_bytes() == b"eps,robust\n"


def test_grey_bound_is_a_step(tmp_path: Path) -> None:
    """At each eps of the curve stands what no model can exceed: all below 0.5, the largest class from there on."""
    _, found = fabricated()
    linf = np.array([[0.0, 0.9], [0.49, 0.4], [0.5, 0.0], [0.8, 0.0]])
    few = replace(found, curves={"linf": linf}, indicators={"grey_bound": 4 / 11})
    plots.grey_bound(tmp_path / "grey_bound.csv", models(robust=few))
    assert (tmp_path / "grey_bound.csv").read_bytes() == b"eps,accuracy\n0.0,1.0\n0.49,1.0\n0.5,0.3636\n0.8,0.3636\n"
