"""ROC curves say which attack they are of, on how many images, and where nothing was found to detect."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from support.detection import COUNT, views
from support.pictures import assert_picture

from robust_digits.detect.scores import Seen
from robust_digits.draw import parts, roc


@pytest.fixture
def figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Figure:
    """Return the picture of a detector of two models; in that of the second FGM breaks nothing."""
    drawn: list[Figure] = []
    save = parts.save

    def kept(figure: Figure, path: Path) -> None:
        drawn.append(figure)
        save(figure, path)

    monkeypatch.setattr(parts, "save", kept)
    robust = views()
    clean = robust["clean"]
    robust["fgm"] = Seen(clean.labels, clean.predicted, np.ones(COUNT))
    roc.curves(
        tmp_path / "roc.png", {"baseline": {"one": views()}, "robust": {"one": robust}}, eps=0.2, transfer_eps=0.3
    )
    assert_picture(tmp_path / "roc.png")
    return drawn[0]


def legend(axes: Axes) -> set[str]:
    """Return what a legend says."""
    said = axes.get_legend()
    assert said
    return {text.get_text() for text in said.get_texts()}


def test_every_panel_explains_itself(figure: Figure) -> None:
    """Titles, axes and a legend: the attack, how many adversarial images, and the area."""
    one, two = figure.axes
    assert [one.get_title(), two.get_title()] == ["baseline, one", "robust, one"]
    assert two.get_xlabel() == "clean test images flagged, % of 20"
    assert "eps 0.2" in figure.get_suptitle()
    said = legend(one)
    assert {"guessing", "FGM transfer, eps 0.3 (19, 1.00)"} < said
    assert any(text.startswith("knows the detector (15, 0.") for text in said)
    assert "FGM (none)" in legend(two)


def test_lines_are_the_curves(figure: Figure) -> None:
    """Each runs from nothing flagged to everything; that of the old set, all of which scores higher, by (0, 100)."""
    lines = {str(line.get_label()).split(" (")[0]: line.get_xydata() for line in figure.axes[0].lines}
    for name in ("FGM transfer, eps 0.3", "knows the detector"):
        np.testing.assert_array_equal(np.array(lines[name])[[0, -1]], [[0, 0], [100, 100]])
    assert [0, 100] in np.array(lines["FGM transfer, eps 0.3"]).tolist()
    assert [0, 100] not in np.array(lines["knows the detector"]).tolist()


def test_the_old_set_hides_no_other(figure: Figure) -> None:
    """Its images are those of the baseline's own FGM, and so is its curve: it is dashed, over a line that is not."""
    styles = {str(line.get_label()).split(",")[0].split(" (")[0]: line.get_linestyle() for line in figure.axes[0].lines}
    assert styles["FGM transfer"] == "--"
    assert styles["FGM"] == styles["knows the detector"] == "-"


def test_every_attack_that_follows_gradients_is_drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A suite may have more of them than there are colours: a colour comes again, and no curve is left out."""
    drawn: list[Figure] = []
    monkeypatch.setattr(parts, "save", lambda figure, _: drawn.append(figure))
    attacks = ("fgm", "bim", "pgd", "pgd_margin", "apgd_ce", "apgd_t", "fab_t")
    tried = {**views(), **dict.fromkeys(attacks, views()["fgm"])}
    roc.curves(tmp_path / "roc.png", {"baseline": {"one": tried}}, eps=0.2, transfer_eps=0.3)
    assert len(legend(drawn[0].axes[0])) == len(attacks) + len({"guessing", "transfer", "knows the detector"})
