"""The plots of two revisions: which there are, what lies over what, and that Vega-Lite can draw each."""

from dataclasses import replace
from typing import Any

import pytest
import vl_convert
from support.made_up import branch

from robust_digits.history.results import Results
from robust_digits.history.revisions import Revision, repository
from robust_digits.report.drawings import Drawing, drawings


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Results]:
    """Return base and branch; the results of the hardened model differ."""
    changes = {"hardened.accuracy.worst_case": 0.1, "hardened.accuracy.clean": 0.9}
    made = branch(tmp_path_factory.mktemp("drawings") / "project", changes)
    found = repository(made.root)
    return Results(found.at(found.commit("main"))), Results(found.at(found.commit("idea")))


def named(plots: list[Drawing]) -> dict[str, list[str]]:
    """Return the titles of the plots of each part."""
    return {part: [plot.title for plot in plots if plot.part == part] for part in dict.fromkeys(p.part for p in plots)}


def points(plot: Drawing) -> list[dict[str, Any]]:
    """Return the points of a plot's uppermost layer, or of the plot."""
    found: list[dict[str, Any]] = (plot.spec.get("data") or plot.spec["layer"][-1]["data"])["values"]
    return found


def test_every_table_is_drawn(both: tuple[Results, Results]) -> None:
    """Security, classes, learning and confusion: models in the story's order; what the base was is said."""
    assert named(drawings(*both)) == {
        "Accuracy over eps": [
            "L-infinity; dashed: at the base; grey: no model can exceed this",
            "L2; dashed: at the base",
            "certified, L-infinity",
        ],
        "Accuracy within each class": ["clean; line: at the base", "worst case; line: at the base"],
        "Learning curves": [
            "baseline, accuracy",
            "baseline, loss",
            "robust, accuracy",
            "robust, loss",
            "hardened, accuracy; dashed: at the base",
            "hardened, loss",
        ],
        "Confusion": ["baseline, clean", "robust, clean", "hardened, clean, base", "hardened, clean, here"],
    }


def test_the_base_is_drawn_where_it_differs(both: tuple[Results, Results]) -> None:
    """A series has its own points and, if they are others, those of the base; without a change none has."""
    first = drawings(*both)[0]
    seen = {(point["of"], point["at"]) for point in points(first)}
    assert seen == {("baseline", "here"), ("robust", "here"), ("hardened", "here"), ("hardened", "base")}
    worst = {
        point["at"]: point["value"] for point in points(first) if point["of"] == "hardened" and point["eps"] == 0.2
    }
    assert worst == {"here": 0.1, "base": 0.7}
    same = drawings(both[1], both[1])
    assert not any("at the base" in title for titles in named(same).values() for title in titles)
    assert {point["at"] for plot in same if plot.part != "Confusion" for point in points(plot)} == {"here"}


def test_what_the_base_does_not_have_has_moved(both: tuple[Results, Results]) -> None:
    """A plot is as at the base only where the base has the same: without its tables nothing is."""
    base, here = both
    assert {plot.title for plot in drawings(base, here) if not plot.moved} >= {"baseline, clean", "hardened, loss"}
    assert not any(plot.moved for plot in drawings(here, here))
    bare = {path: content for path, content in base.revision.files.items() if not path.startswith("plots/")}
    assert all(plot.moved for plot in drawings(Results(replace(base.revision, files=bare)), here))


def test_what_only_the_base_has_is_named(both: tuple[Results, Results]) -> None:
    """A plot of what is no longer there says that it is the base's."""
    base, here = both
    bare = {path: content for path, content in here.revision.files.items() if not path.startswith("plots/")}
    gone = [plot.title for plot in drawings(base, Results(replace(here.revision, files=bare)))]
    assert {"L2; dashed: at the base", "clean; line: at the base", "robust, loss; dashed: at the base"} <= set(gone)
    assert "hardened, clean, base" in gone
    assert all("base" in title for title in gone)


def test_confusion_counts_images(both: tuple[Results, Results]) -> None:
    """Each cell has its number of images and the share of its true class; the shares of a class add up to one."""
    cells = points(drawings(*both)[-1])
    assert sum(cell["images"] for cell in cells) == 100
    for label in range(3):
        assert sum(cell["share"] for cell in cells if cell["true"] == label) == pytest.approx(1)


def test_every_plot_can_be_drawn(both: tuple[Results, Results]) -> None:
    """Vega-Lite compiles every specification, and what it draws has a mark for every series."""
    for plot in drawings(*both):
        spec = {**plot.spec, "width": 300}
        drawn = vl_convert.vegalite_to_svg(spec)
        assert drawn.count("<path") > len(points(plot)) / 100, plot.title


def with_tables(results: Results, tables: dict[str, str]) -> Results:
    """Return results in which tables that there are hold something else."""
    files = {f"plots/{path}": content.encode() for path, content in tables.items()}
    assert files.keys() <= results.revision.files.keys()
    return Results(replace(results.revision, files={**results.revision.files, **files}))


def test_an_empty_cell_is_no_point(both: tuple[Results, Results]) -> None:
    """A model with which nothing is proven has no line; an epoch after which nothing was asked is left out."""
    proven = "eps,baseline,robust,hardened\n0.0,,0.0,0.9\n0.1,,,0.5\n"
    asked = "epoch,accuracy,validation_accuracy\n1,0.5,\n2,0.6,0.7\n"
    here = with_tables(both[1], {"security/certified.csv": proven, "training/robust.csv": asked})
    found = {plot.title: points(plot) for plot in drawings(here, here)}
    assert [(point["of"], point["eps"], point["value"]) for point in found["certified, L-infinity"]] == [
        ("robust", 0.0, 0.0),
        ("hardened", 0.0, 0.9),
        ("hardened", 0.1, 0.5),
    ]
    assert [(point["of"], point["epoch"], point["value"]) for point in found["robust, accuracy"]] == [
        ("accuracy", 1, 0.5),
        ("accuracy", 2, 0.6),
        ("validation accuracy", 2, 0.7),
    ]
    assert "robust, loss" not in found


def test_a_table_without_rows_is_no_plot(both: tuple[Results, Results]) -> None:
    """The plots of the other tables remain."""
    empty = {
        "security/certified.csv": "eps,baseline,robust,hardened\n0.0,,,\n",  # nor is one without a number
        "security/l2.csv": "eps,baseline,robust,hardened\n",
        "per_class/clean.csv": "class,baseline,robust,hardened\n",
        "training/robust.csv": "epoch,loss\n",
        "confusion/clean.csv": "actual,baseline,robust,hardened\n",
    }
    here = with_tables(both[1], empty)
    assert named(drawings(here, here)) == {
        "Accuracy over eps": ["L-infinity; grey: no model can exceed this"],
        "Accuracy within each class": ["worst case"],
        "Learning curves": ["baseline, accuracy", "baseline, loss", "hardened, accuracy", "hardened, loss"],
    }


def test_a_hardening_shows_what_it_was_chosen_by(both: tuple[Results, Results]) -> None:
    """Accuracy under one step and under PGD on validation images are lines beside the clean ones."""
    table = b"epoch,accuracy,validation_accuracy,validation_loss,validation_fgm,validation_pgd\n1,0.5,0.6,1.1,0.4,0.3\n"
    files = {**both[1].revision.files, "plots/training/hardened.csv": table}
    found = {plot.title: plot for plot in drawings(*[Results(Revision("0" * 40, files))] * 2)}
    lines = {"accuracy", "validation accuracy", "validation fgm", "validation pgd"}
    assert {point["of"] for point in points(found["hardened, accuracy"])} == lines
    assert {point["of"] for point in points(found["hardened, loss"])} == {"validation loss"}


def test_nothing_to_draw(both: tuple[Results, Results]) -> None:
    """A revision without plots has none."""
    files = {path: content for path, content in both[0].revision.files.items() if not path.startswith("plots/")}
    bare = Results(Revision("0" * 40, files))
    assert drawings(bare, bare) == []
