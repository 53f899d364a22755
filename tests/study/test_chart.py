"""The picture of a study has every value, every metric and its interval."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from support.pictures import assert_picture

from robust_digits.judge import scoring
from robust_digits.study.chart import influence
from robust_digits.study.spec import Plan

PLAN = Plan(
    title="Epochs of training",
    base="digits",
    model="robust",
    parameter="train.epochs",
    values=[1, 8, 64],
    metrics=["clean", "fgm_white_box"],
    params={},
)
ROWS = [
    {"value": "1", "images": "200", "clean": "0.5", "fgm_white_box": "0.0", "key": "a", "stale": ""},
    {"value": "8", "images": "200", "clean": "0.9", "fgm_white_box": "0.25", "key": "b", "stale": ""},
    {"value": "64", "images": "200", "clean": "1.0", "fgm_white_box": "0.125", "key": "c", "stale": ""},
]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Return the list of figures that are saved from now on."""
    kept: list[Figure] = []

    def keep(figure: Figure, path: Path, **_: object) -> None:
        kept.append(figure)
        path.touch()

    monkeypatch.setattr(Figure, "savefig", keep)
    return kept


def bars(figure: Figure) -> list[ErrorbarContainer]:
    """Return the points and intervals of each metric."""
    return [drawn for drawn in figure.axes[0].containers if isinstance(drawn, ErrorbarContainer)]


def test_views_of_the_suite_go_by_their_labels(tmp_path: Path, drawn: list[Figure]) -> None:
    """Whatever a study may ask for has a name and a colour; the interval of each is of its own images."""
    plan = PLAN.model_copy(update={"metrics": ["pgd", "bim_transfer"]})
    rows = [{**row, "pgd": "0.5", "bim_transfer": "0.5", "fewer": "bim_transfer 50"} for row in ROWS]
    influence(tmp_path / "study.png", plan, rows)
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["PGD", "BIM transfer"]
    lengths = [np.ptp(bar.lines[2][0].get_segments()[0][:, 1]) for bar in bars(drawn[0])]
    for length, images in zip(lengths, (200, 50), strict=True):
        assert length == pytest.approx(100 * np.ptp(scoring.interval(images // 2, images)))


def test_every_value_of_every_metric_is_drawn_with_its_interval(tmp_path: Path, drawn: list[Figure]) -> None:
    """Points are percentages; the bars through them end where Wilson's intervals do."""
    influence(tmp_path / "study.png", PLAN, ROWS)
    axes = drawn[0].axes[0]
    assert axes.get_title() == "Epochs of training"
    assert axes.get_xlabel() == "epochs"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "8", "64"]
    for metric, container in zip(("clean", "fgm_white_box"), bars(drawn[0]), strict=True):
        shares = [float(row[metric]) for row in ROWS]
        points, _, (lines,) = container.lines
        np.testing.assert_allclose(np.asarray(points.get_ydata(), float), np.multiply(100, shares))
        ends = [[100 * end for end in scoring.interval(round(200 * share), 200)] for share in shares]
        np.testing.assert_allclose([segment[:, 1] for segment in lines.get_segments()], ends, atol=1e-6)


def test_figures_of_several_models_go_by_their_full_names(tmp_path: Path, drawn: list[Figure]) -> None:
    """Each has its own colour and its name in the legend; the axis names a model only where there is one."""
    named = ["robust.accuracy.clean", "hardened.accuracy.clean"]
    influence(
        tmp_path / "study.png",
        PLAN.model_copy(update={"metrics": named}),
        [{**row, named[0]: row["clean"], named[1]: row["fgm_white_box"]} for row in ROWS],
    )
    influence(tmp_path / "study.png", PLAN, ROWS)
    said = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert said == ["robust, clean", "hardened, clean"]
    assert len({container.lines[0].get_color() for container in bars(drawn[0])}) == 2
    labels = [figure.axes[0].get_ylabel() for figure in drawn]
    assert labels == ["right, %", "robust, right, %"]


def test_names_are_words(tmp_path: Path, drawn: list[Figure]) -> None:
    """Parameters, values and figures are written as people write them."""
    metric = "hardened.certified.accuracy"
    plan = PLAN.model_copy(update={"parameter": "train.batch_size", "metrics": [metric]})
    influence(tmp_path / "study.png", plan, [{**row, "value": "mean_squared_error", metric: "0.5"} for row in ROWS])
    axes = drawn[0].axes[0]
    assert axes.get_xlabel() == "batch size"
    assert {label.get_text() for label in axes.get_xticklabels()} == {"mean squared error"}
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["hardened, certified"]
    influence(tmp_path / "study.png", plan.model_copy(update={"name": "images in a batch"}), [])
    assert drawn[1].axes[0].get_xlabel() == "images in a batch"


def test_an_axis_of_one_figure_says_which(tmp_path: Path, drawn: list[Figure]) -> None:
    """What is certified is not called right, and no model is named twice."""
    metric = "robust.certified.accuracy"
    plan = PLAN.model_copy(update={"metrics": ["clean", metric]})
    influence(tmp_path / "study.png", plan, [{**row, "clean": "0.97", metric: "0.5"} for row in ROWS])
    assert [axes.get_ylabel() for axes in drawn[0].axes] == ["robust, right, %\nclean", "robust, certified, %"]


@pytest.mark.parametrize(("clean", "panels"), [("0.97", 2), ("0.5", 1)])
def test_small_differences_have_an_axis_of_their_own(
    tmp_path: Path, drawn: list[Figure], clean: str, panels: int
) -> None:
    """Clean accuracies that hardly differ stand above the others, both on scales that show every interval."""
    rows = [{**ROWS[0], "clean": clean}, {**ROWS[1], "clean": "0.98"}]
    influence(tmp_path / "study.png", PLAN, rows)
    axes = drawn[0].axes
    assert len(axes) == panels
    if panels == 2:
        low, high = axes[0].get_ylim()
        assert 90 < low < 100 * scoring.interval(194, 200)[0]
        assert high > 100 * scoring.interval(196, 200)[1]
        assert [len(each.containers) for each in axes] == [1, 1]
        assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["clean", "FGM white-box"]
    else:
        assert axes[0].get_ylim() == (-2, 102)


def test_numbers_that_are_names_are_not_joined(tmp_path: Path, drawn: list[Figure]) -> None:
    """There is nothing between two seeds."""
    influence(tmp_path / "study.png", PLAN.model_copy(update={"parameter": "seed"}), ROWS)
    assert {container.lines[0].get_linestyle() for container in bars(drawn[0])} == {"None"}


@pytest.mark.parametrize(
    ("values", "joined"), [([1, 8, 64], True), (["a", "b", "c"], False), ({"a": {}, "b": {}, "c": {}}, False)]
)
def test_only_numbers_are_joined(tmp_path: Path, drawn: list[Figure], values: Any, joined: bool) -> None:  # noqa: ANN401, FBT001 (cases)
    """A line between names would say that there is something between them."""
    influence(tmp_path / "study.png", PLAN.model_copy(update={"values": values}), ROWS)
    assert {container.lines[0].get_linestyle() for container in bars(drawn[0])} == {"-" if joined else "None"}


def test_stale_values_are_hollow(tmp_path: Path, drawn: list[Figure]) -> None:
    """What earlier code recorded is a hollow point, and the legend says so; without any there is nothing to say."""
    influence(tmp_path / "study.png", PLAN, [ROWS[0], {**ROWS[1], "stale": "yes"}, ROWS[2]])
    axes = drawn[0].axes[0]
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white" and np.size(line.get_xdata())]
    assert [np.asarray(line.get_ydata()).tolist() for line in hollow] == [[90.0], [25.0]]
    said = "hollow: stale, of earlier code"
    assert said in [text.get_text() for text in drawn[0].legends[0].get_texts()]
    influence(tmp_path / "study.png", PLAN, ROWS)
    assert said not in [text.get_text() for text in drawn[1].legends[0].get_texts()]


def test_a_metric_that_a_row_lacks_is_not_drawn(tmp_path: Path, drawn: list[Figure]) -> None:
    """A row from before the plan asked for a metric has an empty cell: no point, and no crash."""
    influence(tmp_path / "study.png", PLAN, [ROWS[0], {**ROWS[1], "fgm_white_box": "", "stale": "yes"}])
    assert [len(np.asarray(container.lines[0].get_ydata())) for container in bars(drawn[0])] == [2, 1]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_what_there_is_becomes_a_picture(tmp_path: Path, count: int) -> None:
    """A study of which values failed is drawn as far as it goes, the same bytes each time."""
    for name in ("first", "second"):
        influence(tmp_path / f"{name}.png", PLAN, ROWS[:count])
    assert_picture(tmp_path / "first.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_curves_show_where_overfitting_begins(tmp_path: Path, drawn: list[Figure]) -> None:
    """Training accuracy stands in the panel of clean accuracy without intervals, the loss in a panel of its own."""
    plan = PLAN.model_copy(update={"curves": ["training_accuracy", "test_loss"]})
    trained = ({"training_accuracy": "0.97", "test_loss": "0.3"}, {"training_accuracy": "0.99", "test_loss": "0.2"})
    rows = [{**row, "clean": "0.96", **curves} for row, curves in zip(ROWS, trained, strict=False)]
    influence(
        tmp_path / "study.png", plan, [*rows, {**ROWS[2], "clean": "0.96", "training_accuracy": "", "test_loss": ""}]
    )
    clean, attacked, loss = drawn[0].axes
    training = bars(drawn[0])[1]
    assert np.asarray(training.lines[0].get_ydata()).tolist() == [97.0, 99.0]
    assert [np.ptp(segment[:, 1]) for segment in training.lines[2][0].get_segments()] == [0.0, 0.0]
    assert clean.get_ylim()[1] > 99
    assert [len(axes.containers) for axes in (attacked, loss)] == [1, 0]
    assert [np.asarray(line.get_ydata()).tolist() for line in loss.lines] == [[0.3, 0.2], []]
    influence(tmp_path / "study.png", plan, [rows[0], {**rows[1], "stale": "yes"}])
    assert [np.asarray(line.get_ydata()).tolist() for line in drawn[1].axes[-1].lines] == [[0.3, 0.2], [0.2]]
    assert drawn[1].axes[-1].lines[1].get_markerfacecolor() == "white"
    said = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert said == ["clean", "clean, training images", "FGM white-box", "cross-entropy, test images"]
