"""Pictures of histories have every line that a history tells, and say which loss it is of."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from support.histories import HISTORY

from robust_digits.draw import learning

HARDENED = [{**epoch, "validation_fgm": "0.5", "validation_pgd": pgd} for epoch, pgd in zip(HISTORY, "01", strict=True)]


def lines(axes: Axes) -> dict[str, list[list[float]]]:
    """Return the points of each line by its name."""
    return {str(line.get_label()): np.asarray(line.get_xydata()).tolist() for line in axes.lines}


def test_learning_draws_training_and_validation(figures: list[Figure], tmp_path: Path) -> None:
    """Each model has loss above accuracy, training and validation in one, over the epochs."""
    learning.learning(tmp_path / "learning.png", {"baseline": HISTORY, "robust": HISTORY[:1]})
    grid = np.array(figures[0].axes).reshape(2, 2)
    assert [axes.get_ylabel() for axes in grid[:, 0]] == ["loss", "accuracy"]
    assert lines(grid[0, 0]) == {"training": [[1, 1], [2, 0.5]], "validation": [[1, 1.25], [2, 0.625]]}
    assert lines(grid[1, 0]) == {"training": [[1, 0.5], [2, 0.75]], "validation": [[1, 0.75], [2, 0.875]]}


def test_a_hardened_model_has_a_third_line(figures: list[Figure], tmp_path: Path) -> None:
    """Its accuracy under PGD is drawn too, and the legends say which images each line is of; the others have two."""
    learning.learning(tmp_path / "learning.png", {"baseline": HISTORY, "hardened": HARDENED})
    grid = np.array(figures[0].axes).reshape(2, 2)
    assert [[len(axes.lines) for axes in row] for row in grid] == [[2, 2], [2, 3]]
    assert lines(grid[1, 1])["validation, under PGD"] == [[1, 0], [2, 1]]
    assert list(lines(grid[0, 1])) == ["training, as it hardens", "validation, clean cross-entropy"]
    assert list(lines(grid[1, 1])) == ["training, as it hardens", "validation, clean", "validation, under PGD"]
    assert all(axes.get_legend() for axes in grid[:, 1])


@pytest.mark.parametrize(
    ("minimized", "says"),
    [
        ("validation_cross_entropy", "cross-entropy"),
        ("validation_mse", "squared error"),
        ("accuracy", "loss that was chosen"),
    ],
)
def test_titles_say_what_the_loss_is(figures: list[Figure], tmp_path: Path, minimized: str, says: str) -> None:
    """Where validation tells it twice its name is known; a hardened model has a loss of its own."""
    history = [{**epoch, "validation_loss": epoch[minimized]} for epoch in HISTORY]
    learning.learning(tmp_path / "learning.png", {"baseline": history, "hardened": HARDENED})
    told = [axes.get_title() for axes in figures[0].axes[:2]]
    assert told == [f"baseline\ntrained on the {says}", "hardened\ntrained on the loss of its hardening"]


def test_ticks_of_epochs_are_whole(figures: list[Figure], tmp_path: Path) -> None:
    """Epochs are counted in whole numbers, however few there are."""
    learning.learning(tmp_path / "learning.png", {"baseline": HISTORY})
    for axes in figures[0].axes:
        assert all(tick == int(tick) for tick in axes.get_xticks())


def test_all_measures_in_one_logarithmic_figure(figures: list[Figure], tmp_path: Path) -> None:
    """Losses and accuracies, training and validation, share two logarithmic axes with plain numbers."""
    learning.logarithmic(tmp_path / "logarithmic.png", HISTORY, model="baseline")
    (axes,) = figures[0].axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_title() == "baseline, trained on the cross-entropy"
    assert lines(axes) == {
        "cross-entropy, training": [[1, 1], [2, 0.5]],
        "cross-entropy, validation": [[1, 1.25], [2, 0.625]],
        "squared error, validation": [[1, 0.125], [2, 0.0625]],
        "accuracy, training": [[1, 0.5], [2, 0.75]],
        "accuracy, validation": [[1, 0.75], [2, 0.875]],
    }
    assert axes.yaxis.get_major_formatter()(0.1) == "0.1"
