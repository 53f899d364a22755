"""Pictures are readable PNG files that say what the evidence says, and equal pictures are equal bytes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from support.fabricated import fabricated, proven
from support.histories import HISTORY
from support.pictures import assert_picture, picture

from robust_digits.data.images import ImageSet
from robust_digits.draw import bracket, charts, digits, galleries, learning
from robust_digits.judge import scoring
from robust_digits.judge.evidence import Evidence, Made
from robust_digits.judge.views import CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, WORST_CASE

Case = tuple[ImageSet, Evidence]
CASES: dict[str, Callable[[], Case]] = {
    "grey": fabricated,
    "RGB": lambda: fabricated(channels=3),
    "two classes": lambda: fabricated(classes=2),
    "no mistakes": lambda: fabricated(wrong=0),
    "nothing but mistakes": lambda: fabricated(wrong=45, count=45),
}
ONE: dict[str, Callable[[Path, ImageSet, Evidence], None]] = {  # pictures of one model, or of no model
    "samples": lambda path, test, _: galleries.samples(path, test),
    "pixels": lambda path, test, _: digits.pixels(path, test),
    "digit": lambda path, _, found: digits.digit(path, found, model="robust"),
    "attack": lambda path, _, found: digits.attack(path, found, model="robust"),
    "mistakes": lambda path, test, found: galleries.mistakes(path, test, found, model="robust"),
    "predictions": lambda path, test, found: galleries.predictions(path, test, found, model="robust"),
    "crafted": lambda path, test, _: galleries.crafted(path, test, test, eps=0.3),
    "fooled": lambda path, test, found: galleries.fooled(path, test, found, model="robust"),
    "logarithmic": lambda path, *_: learning.logarithmic(path, HISTORY, model="robust"),
}
SEVERAL: dict[str, Callable[[Path, Mapping[str, Evidence]], None]] = {  # pictures of several models side by side
    "accuracies": charts.accuracies,
    "security": charts.security,
    "confusions": charts.confusions,
    "learning": lambda path, found: learning.learning(path, dict.fromkeys(found, HISTORY)),
    "bracket": bracket.bracket,
    "security with a band": lambda path, found: charts.security(path, {model: proven(e) for model, e in found.items()}),
}


# --- Files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "case"),
    [(draw, "RGB") for draw in ONE]
    + [(draw, case) for draw in ("digit", "attack", "mistakes") for case in ("grey", "two classes")]
    + [(draw, "no mistakes") for draw in ("digit", "mistakes", "predictions")]
    + [(draw, "nothing but mistakes") for draw in ("digit", "mistakes", "predictions")],
)
def test_pictures_of_one_model(draw: str, case: str, tmp_path: Path) -> None:
    """Every picture of a model is a readable PNG, alone in its folder: grey or RGB, of few classes, of any mistakes."""
    ONE[draw](tmp_path / "pictures" / "one.png", *CASES[case]())
    assert_picture(tmp_path / "pictures" / "one.png")
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["one.png"]


@pytest.mark.parametrize("draw", SEVERAL.values(), ids=SEVERAL)
@pytest.mark.parametrize("models", [["baseline"], ["baseline", "robust", "hardened"]], ids=len)
def test_pictures_of_several_models(draw: Callable[..., None], models: list[str], tmp_path: Path) -> None:
    """Every picture of all models is a readable PNG, of one model as of three."""
    draw(tmp_path / "several.png", {model: fabricated(wrong=wrong)[1] for wrong, model in enumerate(models)})
    assert_picture(tmp_path / "several.png")


@pytest.mark.parametrize("name", [*ONE, *SEVERAL])
def test_same_picture_same_bytes(name: str, tmp_path: Path) -> None:
    """Drawing again, over a file that is there, gives the same bytes as drawing anew."""
    old, new = tmp_path / "old.png", tmp_path / "new.png"
    old.write_bytes(b"an older picture")
    for path in (old, new):
        test, found = fabricated()
        if name in ONE:
            ONE[name](path, test, found)
        else:
            SEVERAL[name](path, {"baseline": found})
    assert old.read_bytes() == new.read_bytes()


def test_a_picture_that_cannot_be_drawn_leaves_the_old_one(tmp_path: Path) -> None:
    """If drawing fails, what was there stays and nothing half-written is left."""
    (tmp_path / "learning.png").write_bytes(b"an older picture")
    with pytest.raises(KeyError, match="validation_loss"):
        learning.learning(tmp_path / "learning.png", {"robust": [{"epoch": "1", "loss": "1", "accuracy": "1"}]})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"learning.png": b"an older picture"}


def test_accuracies_stand_side_by_side(figures: list[Figure], tmp_path: Path) -> None:
    """A group of bars for each model, one for each view and what is certified, with its interval and eps."""
    models = {"baseline": proven(fabricated()[1]), "robust": proven(fabricated(wrong=0)[1], count=3)}
    charts.accuracies(tmp_path / "accuracies.png", models)
    (axes,) = figures[0].axes
    legend = [text.get_text() for text in figures[0].legends[0].get_texts()]
    assert legend == [
        "clean",
        "FGM transfer, eps 0.3",
        "FGM white-box, eps 0.3",
        "worst case, eps 0.2",
        "certified, eps 0.2",
    ]
    views = (CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, WORST_CASE)
    right = [model.right(view) for view in views for model in models.values()] + [
        np.arange(12) >= 12 - count for count in (1, 3)
    ]
    drawn = zip(axes.patches, axes.lines, axes.texts, right, strict=True)
    for bar, spread, text, verdicts in drawn:
        assert isinstance(bar, Rectangle)
        assert bar.get_height() == pytest.approx(100 * scoring.accuracy(verdicts))
        ends = [100 * end for end in scoring.interval(int(verdicts.sum()), len(verdicts))]
        middle = bar.get_x() + bar.get_width() / 2
        np.testing.assert_allclose(np.asarray(spread.get_xydata()), [[middle, end] for end in ends])
        assert text.get_text() == f"{bar.get_height():.1f}"
        assert text.get_position()[1] > max(ends[1], bar.get_height()), "clear of the interval"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["baseline", "robust"]
    bars = [bar for bar in axes.patches if isinstance(bar, Rectangle)]
    places = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars)
    assert all(end < start for (_, end), (start, _) in pairwise(places)), "bars do not overlap"


def test_what_cannot_be_certified_is_said(figures: list[Figure], tmp_path: Path) -> None:
    """A model without a proof has no bar there, which could be read as nothing, but words."""
    charts.accuracies(tmp_path / "accuracies.png", {"baseline": fabricated()[1]})
    (axes,) = figures[0].axes
    assert len(axes.patches) == 4
    assert axes.texts[-1].get_text() == "cannot be certified"


def test_a_curve_that_ends_before_grey_has_no_bound(figures: list[Figure], tmp_path: Path) -> None:
    """Where no eps reaches one half, a bound from there on would hang in the air."""
    _, found = fabricated()
    short = found.curves["linf"][found.curves["linf"][:, 0] < 0.5]
    charts.security(tmp_path / "security.png", {"baseline": replace(found, curves={**found.curves, "linf": short})})
    said = [text.get_text() for text in figures[0].legends[0].get_texts()]
    assert said
    assert not [text for text in said if "grey" in text]


def test_security_draws_both_norms_and_the_bound(figures: list[Figure], tmp_path: Path) -> None:
    """A line a model in each norm; in L-infinity also the eps of the suite, and the largest class from 0.5 on."""
    _, found = fabricated()  # whose curve was measured on images of which four in ten are of one class
    other = replace(found, curves={norm: points * [1, 0.5] for norm, points in found.curves.items()})
    charts.security(tmp_path / "security.png", {"baseline": found, "robust": other})
    for axes, norm in zip(figures[0].axes, ("linf", "l2"), strict=True):
        lines = {str(line.get_label()): np.asarray(line.get_xydata()) for line in axes.lines}
        np.testing.assert_allclose(lines["baseline"], found.curves[norm] * [1, 100])
        np.testing.assert_allclose(lines["robust"], found.curves[norm] * [1, 50])
    linf, l2 = figures[0].axes
    assert [axes.get_title() for axes in (linf, l2)] == ["L-infinity: accuracy under APGD", "L2: accuracy under APGD"]
    assert linf.get_ylabel() == "right, % of the first 10 test images"
    bound, suite = (np.asarray(line.get_xydata()) for line in linf.lines[2:])
    np.testing.assert_allclose(bound[:, 1], 40)
    assert (bound[0, 0], bound[1, 0] > 0.5) == (0.5, True)
    np.testing.assert_allclose(suite[:, 0], 0.2)
    assert len(l2.lines) == 2
    assert "upper end" in l2.get_xlabel()


def test_the_legend_says_what_every_mark_is(figures: list[Figure], tmp_path: Path) -> None:
    """Models, the bound and the eps of the suite have an entry each; a band has one where there is a band."""
    _, found = fabricated()
    for each in (found, proven(found)):
        charts.security(tmp_path / "security.png", {"baseline": each})
    without, with_band = ([text.get_text() for text in figure.legends[0].get_texts()] for figure in figures)
    assert [name.partition(":")[0] for name in without] == [
        "baseline",
        "no model can be better",
        "eps of the worst case, and of what is certified",
    ]
    assert with_band[:-1] == without
    assert with_band[-1].startswith("band: true accuracy")


def bands(axes: Axes) -> list[FillBetweenPolyCollection]:
    """Return the filled areas of a picture."""
    return [each for each in axes.collections if isinstance(each, FillBetweenPolyCollection)]


def test_the_band_holds_true_accuracy(figures: list[Figure], tmp_path: Path) -> None:
    """Between what PGD left standing and what is certified lies a band of the model's colour; else there is none."""
    _, found = fabricated()
    charts.security(tmp_path / "security.png", {"baseline": found, "robust": found, "hardened": proven(found)})
    linf, l2 = figures[0].axes
    (band,) = bands(linf)
    assert bands(l2) == []
    corners = {(x, y) for x, y in np.asarray(band.get_paths()[0].vertices).round(6).tolist()}
    assert corners >= {(0.0, 90.0), (0.0, 45.0), (0.2, 40.0), (0.2, 20.0), (0.5, 0.0)}
    (colour,) = np.asarray(band.get_facecolor())
    assert to_hex(colour) == to_hex(str(linf.lines[2].get_color()))
    assert str(linf.lines[2].get_label()) == "hardened"


def test_the_bracket_counts_proven_open_and_broken_images(figures: list[Figure], tmp_path: Path) -> None:
    """Of twenty images half of what was left is proven; of a model without bounds none; what is neither is open."""
    _, found = fabricated()
    found = replace(found, indicators={**found.indicators, "curve_images": 20.0})
    other = replace(found, made={**found.made, WORST_CASE: Made(2, 0.2)})
    bracket.bracket(tmp_path / "bracket.png", {"baseline": other, "hardened": proven(found)})
    heights = [
        [[bar.get_height() for bar in group] for group in axes.containers if isinstance(group, BarContainer)]
        for axes in figures[0].axes
    ]
    assert heights == [[[0, 0, 0], [18, 8, 0], [2, 12, 20]], [[9, 4, 0], [9, 4, 0], [2, 12, 20]]]
    baseline, hardened = figures[0].axes
    assert [text.get_text() for text in hardened.get_xticklabels()] == ["0", "0.2\njudged", "0.5"]
    assert [text.get_text() for text in baseline.get_xticklabels()] == ["0", "0.2", "0.5"], "judged in L2"
    assert [text.get_text() for text in hardened.texts] == ["9", "4", "", "9", "4", "", "2", "12", "20"]
    assert baseline.get_ylabel() == "how many of the first 20 test images"


def test_confusions_are_shares_of_the_true_class(figures: list[Figure], tmp_path: Path) -> None:
    """A row is a true class: its cells add up to one, and each that is not empty says its percent."""
    _, found = fabricated(classes=2, wrong=1, count=8)
    charts.confusions(tmp_path / "confusions.png", {"baseline": found, "robust": found})
    assert [axes.get_title() for axes in figures[0].axes] == [
        f"{model}, {view}"
        for model in ("baseline", "robust")
        for view in ("clean", "FGM transfer, eps 0.3", "FGM white-box, eps 0.3")
    ]
    clean, _, fresh = figures[0].axes[:3]
    np.testing.assert_allclose(picture(clean), [[0.75, 0.25], [0.0, 1.0]])
    np.testing.assert_allclose(picture(fresh), [[0, 1], [1, 0]])
    assert {(text.get_position(), text.get_text()) for text in clean.texts} == {
        ((0, 0), "75"),
        ((1, 0), "25"),
        ((1, 1), "100"),
    }
    assert (clean.get_xlabel(), clean.get_ylabel()) == ("predicted", "true, % of the row")


def test_confusions_leave_room_for_classes_that_do_not_occur(figures: list[Figure], tmp_path: Path) -> None:
    """A class of the model that the test set lacks has an empty row, not one that is divided by zero."""
    _, found = fabricated(classes=2)
    wider = {view: np.pad(each, ((0, 0), (0, 2))) for view, each in found.logits.items()}
    charts.confusions(tmp_path / "confusions.png", {"robust": replace(found, logits=wider)})
    assert picture(figures[0].axes[0]).shape == (4, 4)
    assert not picture(figures[0].axes[0])[2:].any()


def test_confusions_of_many_classes_have_a_scale_of_colours(figures: list[Figure], tmp_path: Path) -> None:
    """Where numbers would cover each other there are none, nor a tick for each class; small shares show."""
    _, found = fabricated(classes=62, count=124, wrong=1)
    charts.confusions(tmp_path / "confusions.png", {"robust": found})
    *matrices, scale = figures[0].axes
    assert scale.get_ylabel() == "share of the row"
    for axes in matrices:
        assert not axes.texts
        assert [tick for tick in axes.get_xticks() if 0 <= tick < 62] == [0, 10, 20, 30, 40, 50, 60]
        (shown,) = axes.images
        assert shown.norm(0.01) == pytest.approx(0.1)
    assert picture(matrices[0])[0, 1] == 0.5
