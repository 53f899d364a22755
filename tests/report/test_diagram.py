"""The diagram has a line for each model, and a paler one where the base was another."""

import re

import pytest
from support.made_up import branch

from robust_digits.history.results import Results
from robust_digits.history.revisions import Revision, repository
from robust_digits.report import diagram


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Results]:
    """Return base and branch; the curves of one model differ."""
    made = branch(tmp_path_factory.mktemp("diagram") / "project", {"hardened.accuracy.worst_case": 0.1})
    found = repository(made.root)
    return Results(found.at(found.commit("main"))), Results(found.at(found.commit("idea")))


def lines(drawn: str) -> list[list[float]]:
    """Return the points of every line."""
    return [
        [float(point) for point in line.split(",")] for line in re.findall(r"^    line \[(.*)\]$", drawn, re.MULTILINE)
    ]


def without(results: Results, *paths: str) -> Results:
    """Return results in which files are missing."""
    files = {path: content for path, content in results.revision.files.items() if path not in paths}
    return Results(Revision(results.revision.commit, files))


def test_a_line_for_each_model_and_each_change(both: tuple[Results, Results]) -> None:
    """A model whose curve is that of the base has one line; the other has the base's first, paler, then its own."""
    drawn = diagram.security(*both)
    baseline, robust, before, now = lines(drawn)
    assert baseline == [98.0, 49.0, 0.0, 0.0]
    assert robust[0] == 99.0
    assert (before[2], now[2]) == (70.0, 10.0)
    palette = re.search(r'plotColorPalette: "(.*)"', drawn)
    assert palette
    assert len(set(palette[1].split(", "))) == 4
    assert drawn.startswith("🟦 baseline 🟧 robust 🟩 hardened (paler: at the base)\n\n```mermaid\n")
    assert 'x-axis "eps, L-infinity" ["0", "0.1", "0.2", "0.5"]' in drawn


def test_a_model_more_than_there_are_colours(both: tuple[Results, Results]) -> None:
    """A sixth model has a line and a place in the legend, in the colour of the first."""
    names = [f"model{number}" for number in range(6)]
    table = "\n".join([",".join(["eps", *names]), "0.0" + ",0.9" * 6, "0.1" + ",0.5" * 6])
    files = {
        **{path: content for path, content in both[1].revision.files.items() if not path.startswith("metrics/")},
        **{f"metrics/{name}.json": b"{}" for name in names},
        "plots/security/linf.csv": table.encode(),
    }
    here = Results(Revision("0" * 40, files))
    drawn = diagram.security(here, here)
    assert len(lines(drawn)) == 6
    assert drawn.startswith("🟦 model0 🟧 model1 🟩 model2 🟪 model3 🟫 model4 🟦 model5\n")


def test_the_same_curves_are_drawn_once(both: tuple[Results, Results]) -> None:
    """Without a change there is nothing paler."""
    drawn = diagram.security(both[0], both[0])
    assert len(lines(drawn)) == 3
    assert "paler" not in drawn


def test_curves_that_were_not_measured(both: tuple[Results, Results]) -> None:
    """A model without a curve has no line; without any curve there is no diagram."""
    base, here = both
    table = here.revision.text("plots/security/linf.csv").splitlines()
    blank = "\n".join(
        ",".join(["" if row and column == 2 else cell for column, cell in enumerate(line.split(","))])
        for row, line in enumerate(table)
    )
    files = {**here.revision.files, "plots/security/linf.csv": f"{blank}\n".encode()}
    assert len(lines(diagram.security(base, Results(Revision("0" * 40, files))))) == 3
    assert diagram.security(base, without(here, "plots/security/linf.csv")) == ""


def test_a_base_measured_at_other_eps(both: tuple[Results, Results]) -> None:
    """A curve at other eps fits no axis: that of the base is left out."""
    base, here = both
    path = "plots/security/linf.csv"
    files = {**base.revision.files, path: b"eps,baseline,robust,hardened\n0.0,1,1,0.9\n0.3,0,0,0.1\n"}
    drawn = diagram.security(Results(Revision("0" * 40, files)), here)
    assert len(lines(drawn)) == 3
    assert "paler" not in drawn
