"""The picture of a survey has every attack and model, within eps and at any size."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from robust_digits.draw.survey import surveyed

ROWS = [
    {"model": model, "attack": attack, "eps": "0.2", "images": "10", "within": within, "at_all": at_all}
    for model, attack, within, at_all in (
        ("baseline", "fgm", "0.1", "0.1"),
        ("baseline", "deepfool", "0.8", "0.0"),
        ("hardened", "fgm", "0.9", "0.9"),
    )
]


def test_every_line_is_drawn(figures: list[Figure], tmp_path: Path) -> None:
    """A model has a filled point for each of its attacks within eps and a hollow one at any size, beside the name."""
    surveyed(tmp_path / "survey.png", ROWS)
    (axes,) = figures[0].axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["FGM", "DeepFool"]
    drawn = [np.round(np.asarray(line.get_xydata(), float)).tolist() for line in axes.lines[:4]]
    assert drawn == [[[10, 0], [0, 1]], [[10, 0], [80, 1]], [[90, 0]], [[90, 0]]]
    assert [line.get_markerfacecolor() == "white" for line in axes.lines[:4]] == [True, False, True, False]
    said = [text.get_text() for text in figures[0].legends[0].get_texts()]
    assert said == ["baseline", "hardened", "whatever the size of the perturbation"]
    assert axes.get_title() == "Every attack: the first 10 test images, eps 0.2"
    assert axes.get_xlabel() == "right, % (one image is 10%); filled: within eps"


def test_models_that_were_asked_otherwise_say_so(figures: list[Figure], tmp_path: Path) -> None:
    """The axis claims nothing that holds for one model only; each says on how many images and at which eps."""
    surveyed(tmp_path / "survey.png", [*ROWS[:2], {**ROWS[2], "images": "100", "eps": "0.1"}])
    said = [text.get_text() for text in figures[0].legends[0].get_texts()]
    assert said[0] == "baseline: the first 10 test images, eps 0.2"
    assert said[1] == "hardened: the first 100 test images, eps 0.1"
    axes = figures[0].axes[0]
    assert axes.get_title() == "Every attack"
    assert axes.get_xlabel() == "right, % (one image is 10% or 1%); filled: within eps"
