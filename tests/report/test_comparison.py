"""What regressed, what is noise, what is new and what is gone: on made-up results whose verdict is plain."""

import math
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency
from support.made_up import Project, project

from robust_digits.history import lineage
from robust_digits.history.results import Results, Share
from robust_digits.history.revisions import Revision, repository
from robust_digits.report import headline, limits
from robust_digits.report.comparison import DATA, EVALUATION, Comparison, chance, compare

WORST, CLEAN, CERTIFIED = "hardened.accuracy.worst_case", "hardened.accuracy.clean", "hardened.certified.accuracy"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project as it is at the base."""
    return project(tmp_path_factory.mktemp("comparison") / "project")


@pytest.fixture(scope="module")
def base(made: Project) -> Results:
    """Return the results of the base."""
    return Results(repository(made.root).at(made.git("rev-parse", "main")))


class Branch:
    """What a branch changed, written into the same folder and read back."""

    def __init__(self, made: Project, base: Results) -> None:
        self.base = base
        self.project = Project(made.root)

    def compare(self, changes: Mapping[str, float | None] | None = None) -> Comparison:
        """Compare with the base after figures have changed; None takes one away."""
        figures = {**self.project.figures, **(changes or {})}
        self.project.figures = {name: value for name, value in figures.items() if value is not None}
        self.project.write()
        here = repository(self.project.root).here()
        return compare(self.base, Results(here), limits.load(here))


@pytest.fixture
def branch(made: Project, base: Results) -> Branch:
    """Return a branch on which nothing has changed yet."""
    return Branch(made, base)


def statuses(found: Comparison) -> dict[str, str]:
    """Return the status of every figure that changed."""
    return {change.name: change.status for change in found.figures if change.status != "unchanged"}


def test_nothing_changed(branch: Branch) -> None:
    """The same results are unchanged in every part, and fine."""
    found = branch.compare()
    assert statuses(found) == {}
    assert not any(stage.because for stage in found.stages)
    assert (found.params, found.packages, found.gate, found.protocol, found.idle) == ({}, {}, {}, (), ())
    assert headline.exit_code(found) == 0
    assert headline.headline(found) == "Unchanged: every figure is that of the base"


@pytest.mark.parametrize(
    ("name", "value", "status", "code"),
    [
        (WORST, 0.6, "weaker", 1),  # 100 of 1000 images fewer
        (WORST, 0.65, "weaker", 1),
        (WORST, 0.69, "noise", 0),
        (WORST, 0.71, "noise", 0),
        (WORST, 0.8, "better", 0),
        (WORST, 0.2, "weaker", 1),  # and below its floor of 0.5
        (WORST, 0.0, "weaker", 1),
        (CERTIFIED, 0.4, "weaker", 1),
        (CERTIFIED, None, "gone", 1),
        (CLEAN, 0.93, "weaker", 1),
        (CLEAN, 0.95, "noise", 0),
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
    assert headline.exit_code(found) == code
    if code:
        assert f"`{name}`" in headline.headline(found)


def test_a_drop_within_its_tolerance(branch: Branch) -> None:
    """With many images a small drop is no noise, and yet tolerated; a larger one is not."""
    branch.project.images = 100_000
    images = {name: Share(share.value, 100_000) for name, share in branch.base.figures.items()}
    branch.base = Results(branch.base.revision)
    branch.base.__dict__["figures"] = images
    assert statuses(branch.compare({WORST: 0.681}))[WORST] == "lower"
    assert statuses(branch.compare({WORST: 0.68}))[WORST] == "lower"  # by the tolerance itself
    assert statuses(branch.compare({WORST: 0.679}))[WORST] == "weaker"


def test_a_floor_is_absolute(branch: Branch) -> None:
    """A figure below its floor is red though it did not fall, and though its fall is noise."""
    branch.project.gate["metrics"]["hardened"]["accuracy.worst_case"] = {"floor": 0.7001}
    found = branch.compare()
    assert statuses(found) == {WORST: "below its floor"}
    assert headline.headline(found) == f"Weaker: `{WORST}` is 70.0%, below its floor of 70.0%"
    branch.project.gate["metrics"]["hardened"]["accuracy.worst_case"] = {"drop": 0.5, "floor": 0.695}
    assert statuses(branch.compare({WORST: 0.69})) == {WORST: "below its floor"}


def test_a_limit_on_what_nobody_measures(branch: Branch) -> None:
    """A misspelt model in gate.yaml is red: its limits would hold nothing."""
    branch.project.gate["metrics"]["hardend"] = {"accuracy.clean": {"drop": 0.1}}
    found = branch.compare()
    assert statuses(found) == {"hardend.accuracy.clean": "gone"}
    assert headline.headline(found) == "Weaker: `hardend.accuracy.clean` is not measured"


def test_a_model_that_vanished(branch: Branch) -> None:
    """Every figure and every check of a model that is judged no more is gone, and red."""
    mine = {name: None for name in branch.project.figures if name.startswith("hardened.")}
    found = branch.compare(mine)
    assert set(statuses(found).values()) == {"gone"}
    assert {verdict.name for verdict in found.red} == {"hardened.sanity.logits", "hardened.sanity.within_eps"}
    assert [stage.because for stage in found.stages if stage.name == "evaluate@hardened"] == [("gone",)]
    assert headline.exit_code(found) == 1


def test_a_new_model(branch: Branch) -> None:
    """A model that the base did not have is new in every part, and no regression."""
    found = branch.compare({"newcomer.accuracy.clean": 0.5, "newcomer.accuracy.worst_case": 0.0})
    assert statuses(found) == {"newcomer.accuracy.clean": "new", "newcomer.accuracy.worst_case": "new"}
    assert headline.exit_code(found) == 0
    assert [stage.because for stage in found.stages if stage.name == "evaluate@newcomer"] == [("new",)]


def test_the_worst_comes_first(branch: Branch) -> None:
    """Regressions stand above everything else, and the verdict counts them."""
    found = branch.compare(
        {"robust.accuracy.pgd": None, WORST: 0.1, CLEAN: 0.91, "baseline.accuracy.fgm_white_box": 0.2}
    )
    assert list(statuses(found).values()) == ["weaker", "weaker", "gone", "better"]
    assert headline.headline(found).endswith(", and 2 more figures regressed")


def test_a_red_check(branch: Branch) -> None:
    """A red check is red whatever the figures say, and though it was red before."""
    branch.project.red = {"robust.sanity.logits"}
    found = branch.compare({WORST: 0.8})
    assert [verdict.name for verdict in found.red] == ["robust.sanity.logits"]
    assert headline.exit_code(found) == 1
    assert headline.headline(found) == "Not to be trusted: the check `robust.sanity.logits` is red"
    branch.base = Results(repository(branch.project.root).here())
    assert headline.exit_code(branch.compare()) == 1


def test_both_are_said(branch: Branch) -> None:
    """A regression and a red check are both in the verdict."""
    branch.project.red = {"robust.sanity.logits", "baseline.sanity.logits"}
    said = headline.headline(branch.compare({WORST: 0.1}))
    assert said == (
        f"Weaker: `{WORST}` fell from 70.0% to 10.0%. "
        "Not to be trusted: the check `baseline.sanity.logits` is red, and 1 more check failed"
    )


def test_what_is_accepted(branch: Branch) -> None:
    """A red check and a figure that is gone pass when gate.yaml gives the reason; a regression never does."""
    branch.project.red = {"robust.sanity.logits"}
    branch.project.gate["accepted"] = {
        "robust.sanity.logits": "a hidden gradient, docs/hardening.md",
        "robust.accuracy.pgd": "replaced",
        WORST: "we do not mind",
        "robust.sanity.within_eps": "was red once",
    }
    found = branch.compare({"robust.accuracy.pgd": None, WORST: 0.1})
    assert statuses(found) == {WORST: "weaker", "robust.accuracy.pgd": "accepted"}
    assert found.red == []
    assert found.idle == (WORST, "robust.sanity.within_eps")
    assert set(found.gate) == {f"accepted.{name}" for name in branch.project.gate["accepted"]} | {"accepted"}


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


def test_the_protocol_is_this_projects(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stages that make the test images and judge are stages of this project, and read what is to be told."""
    monkeypatch.chdir(Path(__file__).parents[2])
    found = lineage.read(repository().here())
    judging = [stage for name, stage in found.items() if name in DATA or name.startswith(EVALUATION)]
    assert len(judging) > len(DATA)
    read = {param for stage in judging for param in stage.params}
    assert {"data.source", "data.test", "evaluate.eps", "craft.eps", "seed"} <= read
    assert not any(name.startswith(("train.", "retrain.", "harden.")) for name in read)


def test_a_looser_gate_is_told(branch: Branch) -> None:
    """Whoever lowers a floor in the same pull request is seen."""
    branch.project.gate["metrics"]["hardened"]["accuracy.worst_case"]["floor"] = 0.1
    assert branch.compare().gate == {"metrics.hardened.accuracy.worst_case.floor": (0.5, 0.1)}


counts = st.integers(1, 400).flatmap(lambda images: st.tuples(st.integers(0, images), st.just(images)))


@given(counts, counts)
def test_chance_is_pearsons(one: tuple[int, int], other: tuple[int, int]) -> None:
    """The two-proportion test is Pearson's chi-squared of the table of right and wrong."""
    found = chance(*(Share(right / images, images) for right, images in (one, other)))
    table = [[right, images - right] for right, images in (one, other)]
    if all(map(sum, zip(*table, strict=True))):
        assert math.isclose(found, chi2_contingency(table, correction=False).pvalue, abs_tol=1e-9)
    else:
        assert found == 1.0


def test_chance_is_about_images() -> None:
    """The same drop is noise on a few images and none on many."""
    assert chance(Share(0.7, 100), Share(0.65, 100)) > 0.05
    assert chance(Share(0.7, 10_000), Share(0.65, 10_000)) < 0.001


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
    assert headline.exit_code(comparison) == int(
        here < base - 1e-9 and chance(Share(base, 500), Share(here, 500)) < 0.05
    )
