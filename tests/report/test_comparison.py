"""What regressed, what is noise, what is new and what is gone: on made-up results whose verdict is plain."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.branching import Branch, statuses
from support.made_up import Project

from robust_digits.errors import InputError
from robust_digits.history import limits
from robust_digits.history.results import Results, Share
from robust_digits.history.revisions import Revision, repository
from robust_digits.report import headline, overview
from robust_digits.report.comparison import compare
from robust_digits.report.significance import two_proportions

WORST, CLEAN, CERTIFIED = "hardened.accuracy.worst_case", "hardened.accuracy.clean", "hardened.certified.accuracy"


def test_nothing_changed(branch: Branch) -> None:
    """The same results are unchanged in every part, and fine."""
    found = branch.compare()
    assert statuses(found) == {}
    assert not any(stage.because for stage in found.stages)
    assert (found.params, found.packages, found.gate, found.protocol, found.idle) == ({}, {}, {}, (), ())
    assert headline.headline(found).exit_code == 0
    assert headline.headline(found).text == "Unchanged: every figure is that of the base"


@pytest.mark.parametrize(
    ("name", "value", "status", "code"),
    [
        (WORST, 0.6, "weaker", 1),  # 100 of 1000 images fewer
        (WORST, 0.65, "weaker", 1),
        (WORST, 0.69, "lower", 0),  # ten images broke and none was mended: no chance, but within the tolerance
        (WORST, 0.697, "noise", 0),
        (WORST, 0.703, "noise", 0),
        (WORST, 0.8, "better", 0),
        (WORST, 0.2, "weaker", 1),  # and below its floor of 0.5
        (WORST, 0.0, "weaker", 1),
        (CERTIFIED, 0.4, "weaker", 1),
        (CERTIFIED, None, "gone", 1),
        (CLEAN, 0.93, "weaker", 1),
        (CLEAN, 0.95, "lower", 0),
        ("robust.accuracy.clean", 0.5, "lower", 0),  # nothing holds it
        ("robust.accuracy.fgm_transfer", 0.1, "lower", 0),
        ("robust.accuracy.pgd", None, "gone", 1),  # nobody can see it any more
        ("robust.accuracy.newcomer", 0.1, "new", 0),
        ("robust.certified.accuracy", 0.0, "new", 0),
    ],
)
def test_one_figure(branch: Branch, name: str, value: float | None, status: str, code: int) -> None:
    """A figure that changed gets its status, and it alone decides whether CI is red."""
    found = branch.compare({name: value})
    assert statuses(found) == {name: status}
    assert headline.headline(found).exit_code == code
    if code:
        assert f"`{name}`" in headline.headline(found).text


def test_a_drop_within_its_tolerance(branch: Branch) -> None:
    """With many images a small drop is no noise, and yet tolerated; a larger one is not."""
    assert statuses(branch.compare({WORST: 0.681}))[WORST] == "lower"
    assert statuses(branch.compare({WORST: 0.68}))[WORST] == "lower"  # by the tolerance itself
    assert statuses(branch.compare({WORST: 0.679}))[WORST] == "weaker"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({WORST: 0.69}, "Not weaker: 1 lower within tolerance"),
        ({WORST: 0.69, CLEAN: 0.99}, "Not weaker: 1 better, 1 lower within tolerance"),
        ({"robust.accuracy.clean": 0.5}, "Not weaker: 1 lower, none that must hold"),
        (
            {CLEAN: 0.99, "robust.accuracy.clean": 0.5},
            f"Stronger: `{CLEAN}` rose from 96.0% to 99.0% (1 better, 1 lower, none that must hold)",
        ),
    ],
)
def test_a_figure_that_must_hold_and_fell_is_said(branch: Branch, changes: dict[str, float], text: str) -> None:
    """A tolerated drop of what must hold is no drop that judges nothing, nor is what rose beside it stronger."""
    assert headline.headline(branch.compare(changes)).text == text


def test_four_points_of_359_images_that_broke(branch: Branch) -> None:
    """A drop of 3.9 points is told for what it is where few images were mended for the many that broke."""
    branch.project.images = 359
    branch.project.write()
    branch.base = Results(repository(branch.project.root).here())
    here = (round(0.7 * 359) - 14) / 359  # the last 14 of those that stood
    branch.project.flipped = {WORST: (0, 1, 356, 357)}  # two more broke, two were mended
    found = {change.name: change for change in branch.compare({WORST: here}).figures}[WORST]
    assert found.status == "weaker"
    assert found.difference
    assert (len(found.difference.broke or ()), found.difference.mended) == (16, (356, 357))
    assert found.difference.p == pytest.approx(0.0013, abs=1e-4)
    assert found.base is not None
    assert two_proportions(Share(found.base, 359), Share(here, 359)) > 0.2, "which two proportions took for chance"


def test_a_swap_of_images_is_no_regression(branch: Branch) -> None:
    """As many images mended as broken is no change of the model's strength, however many they are."""
    branch.project.flipped = {WORST: (*range(100), *range(800, 900))}
    found = branch.compare()
    assert statuses(found) == {}
    branch.project.flipped = {WORST: (*range(100), *range(800, 895))}
    assert statuses(branch.compare()) == {WORST: "noise"}, "five images in two hundred that changed sides"


def test_verdicts_that_are_not_those_of_the_figures_are_refused(branch: Branch) -> None:
    """A figure that says one thing and verdicts that say another are no results."""
    branch.project.write()
    path = branch.project.root / "metrics/verdicts/hardened.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("\n0,0,1,", "\n0,0,0,"), encoding="utf-8")
    here = repository(branch.project.root).here()
    with pytest.raises(InputError, match=r"metrics/verdicts/hardened\.csv in .*: expected the verdicts behind"):
        compare(branch.base, Results(here), limits.load(here))


def test_other_test_images_are_compared_as_such(branch: Branch) -> None:
    """Where the test images are others nothing is said of single images, and the data are said to have moved."""
    branch.project.test_images = "others"
    compared = branch.compare({WORST: 0.67})
    found = {change.name: change for change in compared.figures}[WORST]
    assert found.difference
    assert (found.difference.test, found.difference.broke) == ("two proportions", None)
    assert found.status == "measured otherwise"
    said = "The models are the same; the data moved (`data/normalized/test`)"
    assert headline.headline(compared).text == said
    branch.project.test_images = Project.test_images
    same = {change.name: change for change in branch.compare({WORST: 0.67}).figures}[WORST]
    assert same.difference
    assert (same.difference.test, same.status) == ("McNemar", "weaker")


def test_a_floor_is_absolute(branch: Branch) -> None:
    """A figure below its floor is red though it did not fall, and though its fall is noise."""
    branch.project.gate["metrics"]["hardened"]["accuracy.worst_case"] = {"floor": 0.7001}
    found = branch.compare()
    assert statuses(found) == {WORST: "below its floor"}
    said = f"Weaker: `{WORST}` is 70.0%, below its floor of 70.0%. gate.yaml moved ("
    assert headline.headline(found).text.startswith(said)
    branch.project.gate["metrics"]["hardened"]["accuracy.worst_case"] = {"drop": 0.5, "floor": 0.695}
    assert statuses(branch.compare({WORST: 0.69})) == {WORST: "below its floor"}


def test_a_limit_on_what_nobody_measures(branch: Branch) -> None:
    """A misspelt model in gate.yaml is red: its limits would hold nothing."""
    branch.project.gate["metrics"]["hardend"] = {"accuracy.clean": {"drop": 0.1}}
    found = branch.compare()
    assert statuses(found) == {"hardend.accuracy.clean": "gone"}
    assert headline.headline(found).text.startswith("Weaker: `hardend.accuracy.clean` is not measured. gate.yaml moved")


def test_a_model_that_vanished(branch: Branch) -> None:
    """Every figure and every check of a model that is judged no more is gone, and red."""
    mine = {name: None for name in branch.project.figures if name.startswith("hardened.")}
    found = branch.compare(mine)
    assert set(statuses(found).values()) == {"gone"}
    assert {verdict.name for verdict in found.red} == {"hardened.sanity.logits", "hardened.sanity.within_eps"}
    assert [stage.because for stage in found.stages if stage.name == "evaluate@hardened"] == [("gone",)]
    assert headline.headline(found).exit_code == 1


def test_a_new_model(branch: Branch) -> None:
    """A model that the base did not have is new in every part, and no regression."""
    found = branch.compare({"newcomer.accuracy.clean": 0.5, "newcomer.accuracy.worst_case": 0.0})
    assert statuses(found) == {"newcomer.accuracy.clean": "new", "newcomer.accuracy.worst_case": "new"}
    assert headline.headline(found).exit_code == 0
    assert [stage.because for stage in found.stages if stage.name == "evaluate@newcomer"] == [("new",)]


def test_the_worst_comes_first(branch: Branch) -> None:
    """Regressions stand above everything else, and the verdict counts them."""
    found = branch.compare(
        {"robust.accuracy.pgd": None, WORST: 0.1, CLEAN: 0.91, "baseline.accuracy.fgm_white_box": 0.2}
    )
    assert list(statuses(found).values()) == ["weaker", "weaker", "gone", "better"]
    assert headline.headline(found).text.endswith(", and 2 more figures regressed")


def test_of_equally_bad_ones_the_worst_case_comes_first(branch: Branch) -> None:
    """Then come those that gate.yaml holds, then the others."""
    found = branch.compare({CLEAN: 0.9, WORST: 0.6, "robust.accuracy.clean": 0.9, CERTIFIED: 0.4})
    assert [change.name for change in found.figures[:3]] == [WORST, CLEAN, CERTIFIED]
    lower = branch.compare({CLEAN: 0.952, WORST: 0.69, CERTIFIED: 0.55})
    assert list(statuses(lower)) == [WORST, CLEAN, "robust.accuracy.clean"]


def test_a_red_check(branch: Branch) -> None:
    """A red check is red whatever the figures say, and though it was red before."""
    branch.project.red = {"robust.sanity.logits"}
    found = branch.compare({WORST: 0.8})
    assert [verdict.name for verdict in found.red] == ["robust.sanity.logits"]
    assert headline.headline(found).exit_code == 1
    assert headline.headline(found).text == "Not to be trusted: the check `robust.sanity.logits` is red"
    branch.base = Results(repository(branch.project.root).here())
    assert headline.headline(branch.compare()).exit_code == 1


def test_what_is_accepted(branch: Branch) -> None:
    """A red check and a figure that is gone pass when gate.yaml gives the reason; a regression never does."""
    branch.project.red = {"robust.sanity.logits"}
    branch.project.gate["accepted"] = {
        "robust.sanity.logits": "a hidden gradient, docs/hardening.md",
        "robust.accuracy.pgd": "replaced",
        WORST: "we do not mind",
        "robust.sanity.within_eps": "was red once",
    }
    branch.project.write()
    branch.base = Results(repository(branch.project.root).here())
    found = branch.compare({"robust.accuracy.pgd": None, WORST: 0.1})
    assert statuses(found) == {WORST: "weaker", "robust.accuracy.pgd": "accepted"}
    assert found.red == []
    assert found.idle == (WORST, "robust.sanity.within_eps")
    assert found.gate == {}


def test_what_a_base_that_was_judged_again_lacks_is_gone(branch: Branch) -> None:
    """An attack that the branch took out of the suite is missed, though the base was judged again without it."""
    branch.project.params["harden"]["steps"] = 1
    branch.project.params["evaluate"]["eps"] = 0.1
    branch.compare({"hardened.accuracy.pgd": None})
    here = repository(branch.project.root).here()
    again = Results(replace(branch.base.revision, files={**branch.base.revision.files, **_metrics(here)}))
    found = compare(branch.base, Results(here), limits.judging(branch.base.revision, here), again=again)
    assert statuses(found) == {"hardened.accuracy.pgd": "gone"}
    assert headline.headline(found).exit_code == 1


def _metrics(revision: Revision) -> dict[str, bytes]:
    return {path: content for path, content in revision.files.items() if path.startswith("metrics/")}


def test_the_bound_of_a_check_is_the_base_s(branch: Branch) -> None:
    """A check that passes only because its bound was loosened is red; a tighter bound of the branch counts."""
    branch.project.red, branch.project.bound = {"robust.sanity.logits"}, 2.0  # 1 is measured
    assert [verdict.name for verdict in branch.compare().red] == ["robust.sanity.logits"]
    branch.project.red, branch.project.bound = set(), -0.1  # 0 is measured
    assert branch.compare().red


def test_only_what_no_limit_names_may_be_taken_out(branch: Branch) -> None:
    """A branch may give a reason for what is gone, but not for a figure that the base holds, nor for a red check."""
    branch.project.red = {"robust.sanity.logits"}
    names = ("robust.sanity.logits", "robust.accuracy.pgd", WORST)
    branch.project.gate["accepted"] = dict.fromkeys(names, "because")
    found = branch.compare({"robust.accuracy.pgd": None, WORST: None})
    assert statuses(found) == {WORST: "gone", "robust.accuracy.pgd": "accepted"}
    assert [verdict.name for verdict in found.red] == ["robust.sanity.logits"]


def test_a_change_stands_beside_what_another_seed_does(branch: Branch) -> None:
    """Where a study of seeds is in the revision each change is held against its spread, in words and in numbers."""
    table = f"value,images,{WORST},{CLEAN},key,stale\n0,1000,0.70,0.96,a,\n1,1000,0.74,0.96,a,\n"
    branch.project.text("docs/studies/seeds.csv", table)
    found = {change.name: change for change in branch.compare({WORST: 0.67, CLEAN: 0.95}).figures}
    assert found[WORST].luck == pytest.approx(0.04)
    assert found[CLEAN].luck == 0
    assert (found[WORST].lucky, found[CLEAN].lucky) == (True, False)
    rows = {row[0]: row for row in overview.figures(list(found.values())).rows}
    assert rows[f"`{WORST}`"][3:5] == ("-3.0", "4.0")
    assert rows[f"`{WORST}`"][-1] == "**weaker**, within what another seed does"
    branch.project.gate["metrics"]["hardened"]["accuracy.worst_case"] = {"drop": "seeds", "floor": 0.5}
    branch.base = Results(repository(branch.project.root).here())
    branch.project.write()
    here = repository(branch.project.root).here()
    assert limits.load(here).figures[WORST].drop == pytest.approx(0.04)
    (branch.project.root / "docs/studies/seeds.csv").unlink()
    with pytest.raises(InputError, match=r"gate\.yaml: metrics\.hardened\.accuracy\.worst_case\.drop: .* `make study"):
        limits.load(repository(branch.project.root).here())


def test_a_changed_protocol(branch: Branch) -> None:
    """Parameters and code that the evaluation reads are told; those of training are not, nor the number of threads."""
    branch.project.params["evaluate"]["eps"] = 0.1
    branch.project.params["harden"]["eps"] = 0.1
    branch.project.params["threads"] = 4
    found = branch.compare()
    assert found.protocol == ("evaluate.eps",)
    assert found.params == {"evaluate.eps": (0.2, 0.1), "harden.eps": (0.2, 0.1), "threads": (2, 4)}
    ran = {stage.name: stage.because for stage in found.stages if stage.because}
    assert ran["train_hardened"] == ("harden.eps",)
    assert ran["evaluate@robust"] == ("evaluate.eps", "threads")
    assert {stage.name: stage.same_results for stage in found.stages}["evaluate@robust"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("stages/evaluate.py", True),
        ("stages/score.py", True),
        ("robust_digits/judge/sanity.py", True),  # where a threshold may have been loosened
        ("robust_digits/draw/charts.py", False),
    ],
)
def test_changed_code_is_a_changed_protocol(branch: Branch, path: str, *, told: bool) -> None:
    """A byte in a module that attacks, scores or checks is told, though no figure moved; one that draws is let go."""
    branch.project.code[path] = "judge()  # a little otherwise\n"
    found = branch.compare()
    assert found.protocol == ((path,) if told else ())
    assert statuses(found) == {}


def test_a_looser_gate_is_told(branch: Branch) -> None:
    """Whoever lowers a floor in the same pull request is seen."""
    branch.project.gate["metrics"]["hardened"]["accuracy.worst_case"]["floor"] = 0.1
    assert branch.compare().gate == {"metrics.hardened.accuracy.worst_case.floor": (0.5, 0.1)}


def test_a_wider_spread_of_seeds_is_a_looser_gate(branch: Branch) -> None:
    """A drop of `seeds` that a line more in the study widens is told, though gate.yaml is the same."""
    table = f"value,images,{WORST},key,stale\n0,1000,0.70,a,\n1,1000,0.74,a,\n"
    branch.project.gate["metrics"]["hardened"]["accuracy.worst_case"] = {"drop": "seeds"}
    branch.project.text("docs/studies/seeds.csv", table)
    branch.project.write()
    branch.base = Results(repository(branch.project.root).here())
    branch.project.text("docs/studies/seeds.csv", f"{table}2,1000,0.40,a,\n")
    found = branch.compare({WORST: 0.67})
    (branch.project.root / "docs/studies/seeds.csv").unlink()
    name = f"metrics.{WORST}.drop"
    assert found.gate == {name: (pytest.approx(0.04), pytest.approx(0.34))}
    assert headline.headline(found).code == "gate_moved"
    assert found.figures[0].limit.drop == pytest.approx(0.04)


@given(st.floats(0, 1), st.floats(0, 1))
def test_better_is_never_red(base: float, here: float) -> None:
    """A figure that rose, and no floor above it, is never a regression."""
    found = {
        at: Results(
            Revision(
                "0" * 40,
                {
                    "metrics/a.json": f'{{"images": 500, "accuracy": {{"clean": {value}}}}}'.encode(),
                    "metrics/sanity.json": b"{}",
                    "params.yaml": b"a: 1",
                    "dvc.yaml": b"stages: {}",
                    "dvc.lock": b"stages: {}",
                    "gate.yaml": b"level: 0.05\nmetrics: {a: {accuracy.clean: {drop: 0}}}\naccepted: {}",
                },
            )
        )
        for at, value in (("base", base), ("here", here))
    }
    comparison = compare(found["base"], found["here"], limits.load(found["here"].revision))
    assert headline.headline(comparison).exit_code == int(
        here < base - 1e-9 and two_proportions(Share(base, 500), Share(here, 500)) < 0.05
    )
