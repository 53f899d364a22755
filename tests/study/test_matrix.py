"""The picture of a study as a matrix has every accuracy in its cell, and frames the attacks that training has seen."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from support.pictures import assert_picture

from robust_digits.study.matrix import matrix
from robust_digits.study.spec import Plan

PLAN = Plan(
    title="Mixed",
    base="digits",
    model="robust",
    parameter="augment",
    values={
        "nothing else": {"attacks": {}},
        "PGD": {"attacks": {"pgd": 1.0}},
        "both": {"attacks": {"fgm": 0.5, "pgd": 0.5}},
    },
    metrics=["clean", "fgm_transfer", "pgd_transfer", "pgd", "worst_case"],
    params={},
    picture="matrix",
)
SHARES = [[0.975, 0.1, 0.2, 0.0, 0.0], [0.95, 0.5, 0.9, 0.3, 0.1], [0.96, 0.9, 0.925, 0.4, 0.2]]
ROWS: list[dict[str, Any]] = [
    {"value": value, "images": "400", **dict(zip(PLAN.metrics, map(str, shares), strict=True)), "key": "a", "stale": ""}
    for value, shares in zip(PLAN.values, SHARES, strict=True)
]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:  # noqa: ANN401 (a function of rows)
    """Return a function that draws rows and returns the axes."""
    kept: list[Figure] = []

    def keep(figure: Figure, path: Path, **_: object) -> None:
        kept.append(figure)
        path.touch()

    monkeypatch.setattr(Figure, "savefig", keep)

    def draw(rows: list[dict[str, Any]], plan: Plan = PLAN) -> Axes:
        matrix(tmp_path / "study.png", plan, rows)
        (axes,) = kept[-1].axes
        return axes

    return draw


def cells(axes: Axes) -> dict[tuple[int, int], str]:
    """Return what stands in each cell, by row and column."""
    texts = [(*text.get_position(), text.get_text()) for text in axes.texts]
    return {(int(y), int(x)): said for x, y, said in texts if y > 0}


def test_every_accuracy_stands_in_its_cell(drawn: Any) -> None:  # noqa: ANN401
    """Rows are what was trained on, columns what attacked, in percent, from the bottom of the scale to its top."""
    axes = drawn(ROWS)
    assert [label.get_text() for label in axes.get_yticklabels()] == list(PLAN.values)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["clean", "FGM", "PGD", "PGD", "worst case"]
    assert cells(axes) == {at: f"{100 * share:.1f}" for at, share in np.ndenumerate(SHARES)}
    (mesh,) = [each for each in axes.collections if isinstance(each, QuadMesh)]
    np.testing.assert_allclose(np.asarray(mesh.get_array()), 100 * np.array(SHARES))
    assert mesh.get_clim() == (0, 100)
    assert axes.yaxis_inverted(), "the first row is the uppermost"


def test_what_training_has_seen_is_framed(drawn: Any) -> None:  # noqa: ANN401
    """A frame stands around the set of each attack that the training images of the row hold, around nothing else."""
    frames = [patch.get_xy()[::-1] for patch in drawn(ROWS).patches if isinstance(patch, Rectangle)]
    assert sorted(frames) == [(1, 2), (2, 1), (2, 2)]


def test_columns_say_what_they_were_crafted_against(drawn: Any) -> None:  # noqa: ANN401
    """Two columns may have one name: above them stands whether the images are those of the baseline."""
    heads = {text.get_text(): text.get_position()[0] for text in drawn(ROWS).texts if text.get_position()[1] < 0}
    told = {" ".join(said.split()): place for said, place in heads.items()}
    assert told == {"crafted once, against the baseline": 2.0, "against the model itself": 4.0}


def test_the_caption_says_how_sure_figures_are(drawn: Any) -> None:  # noqa: ANN401
    """It has the number of images, of an attack that was asked of fewer too, and half of the widest interval."""
    reach = "test images; 95% intervals reach up to 4.9 points to each side"
    assert drawn(ROWS).get_xlabel() == f"accuracy, %, of 400 {reach}"
    fewer = [{**row, "images": "1000", "fewer": "fgm_transfer 800; pgd_transfer 400"} for row in ROWS]
    assert drawn(fewer).get_xlabel() == f"accuracy, %, of 400 to 1,000 {reach}"


def test_stale_rows_and_empty_cells(drawn: Any) -> None:  # noqa: ANN401
    """What earlier code recorded says so; a figure that a row lacks is an empty cell, not a nought."""
    axes = drawn([{**ROWS[0], "stale": "yes", "pgd": ""}, *ROWS[1:]])
    assert axes.get_yticklabels()[0].get_text() == "nothing else (stale, of earlier code)"
    assert (0, 3) not in cells(axes)


@pytest.mark.parametrize("stale", ["", "yes"])
def test_the_title_stays_in_the_picture(stale: str, drawn: Any) -> None:  # noqa: ANN401
    """However long it is, and however much room the names of the rows take."""
    title = "Retrained on what attacks made (rows), attacked by (columns), and more of it"
    figure = drawn([{**row, "stale": stale} for row in ROWS], PLAN.model_copy(update={"title": title})).figure
    figure.draw_without_rendering()
    (text,) = (each for each in figure.texts if each.get_text().startswith("Retrained on"))
    extent = text.get_window_extent()
    assert figure.bbox.x0 <= extent.x0 < extent.x1 <= figure.bbox.x1


def test_a_nought_that_was_just_measured_is_drawn(drawn: Any) -> None:  # noqa: ANN401
    """Figures are numbers before they are read back from the table, and 0.0 is one of them."""
    assert cells(drawn([{**ROWS[0], "pgd": 0.0, "worst_case": 0}, *ROWS[1:]]))[0, 3] == "0.0"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_what_there_is_becomes_a_picture(tmp_path: Path, count: int) -> None:
    """A study of which values failed is drawn as far as it goes, the same bytes each time."""
    for name in ("first", "second"):
        matrix(tmp_path / f"{name}.png", PLAN, ROWS[:count])
    assert_picture(tmp_path / "first.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
