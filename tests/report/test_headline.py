"""The first line: what is said of a branch, and whether it passes, on made-up results whose verdict is plain."""

import pytest
from support.branching import Branch, statuses

from robust_digits.history import limits
from robust_digits.history.results import Results
from robust_digits.history.revisions import repository
from robust_digits.report import headline, overview
from robust_digits.report.comparison import compare

WORST = "hardened.accuracy.worst_case"


def test_both_are_said(branch: Branch) -> None:
    """A regression and a red check are both in the verdict."""
    branch.project.red = {"robust.sanity.logits", "baseline.sanity.logits"}
    said = headline.headline(branch.compare({WORST: 0.1})).text
    assert said == (
        f"Weaker: `{WORST}` fell from 70.0% to 10.0%. "
        "Not to be trusted: the check `baseline.sanity.logits` is red, and 1 more check failed"
    )


def test_a_weaker_attack_is_no_stronger_model(branch: Branch) -> None:
    """Where the same models stand more because the attack moved, the verdict says so, and is not green."""
    branch.project.params["evaluate"]["eps"] = 0.1
    found = branch.compare({WORST: 0.85, "hardened.accuracy.fgm_white_box": 0.85})
    said = headline.headline(found)
    assert set(statuses(found).values()) == {"measured otherwise"}
    assert (said.code, said.mark, said.exit_code) == ("same_models", headline.WHITE, 0)
    assert said.text == "The models are the same; the attack moved (`evaluate.eps` 0.2 → 0.1)"


def test_another_model_under_another_attack_is_not_compared(branch: Branch) -> None:
    """Where attack and model both moved nothing is said of the model, up or down, and it does not pass."""
    branch.project.params["evaluate"]["eps"] = 0.1
    branch.project.params["harden"]["steps"] = 1
    for worst in (0.6, 0.85):
        said = headline.headline(branch.compare({WORST: worst}))
        assert (said.code, said.mark, said.exit_code) == ("not_compared", headline.WHITE, 2)
        assert said.text.startswith("Not compared. The attack moved (`evaluate.eps` 0.2 → 0.1)")
        assert "REJUDGE=1" in said.text
    floor = headline.headline(branch.compare({WORST: 0.4}))
    assert (floor.code, floor.exit_code) == ("weaker", 1), "a floor needs no comparison"
    assert "The attack moved" in floor.text


@pytest.mark.parametrize(
    ("worst", "code", "exit_code"), [(0.75, "stronger", 0), (0.7, "not_weaker", 0), (0.6, "weaker", 1)]
)
def test_a_base_that_was_judged_again_is_compared(branch: Branch, worst: float, code: str, exit_code: int) -> None:
    """Against what the base's models are worth under the same attack a verdict is possible again, and names it."""
    branch.project.params["evaluate"]["eps"] = 0.1
    branch.project.params["harden"]["steps"] = 1
    again = branch.base
    branch.project.figures = {**branch.project.figures, "robust.accuracy.newcomer": 0.1}
    branch.compare({WORST: worst})
    here = repository(branch.project.root).here()
    found = compare(branch.base, Results(here), limits.judging(branch.base.revision, here), again=again)
    said = headline.headline(found)
    assert (said.code, said.exit_code) == (code, exit_code)
    assert "The attack moved (`evaluate.eps` 0.2 → 0.1): the base was judged again" in said.text
    if not exit_code:
        assert said.text.endswith("; baseline and robust are the same as at the base")


@pytest.mark.parametrize(("worst", "exit_code"), [(0.39, 1), (0.7, 0)])
def test_the_limits_of_the_base_judge(branch: Branch, worst: float, exit_code: int) -> None:
    """Whoever loosens gate.yaml in the same branch passes nothing by it, and is never green."""
    branch.project.gate["metrics"]["hardened"]["accuracy.worst_case"] = {"drop": 0.5, "floor": 0.1}
    said = headline.headline(branch.compare({WORST: worst}))
    assert said.exit_code == exit_code
    assert said.mark == (headline.RED if exit_code else headline.WHITE)
    assert "gate.yaml moved (`metrics.hardened.accuracy.worst_case.drop` 0.02 → 0.5" in said.text
    assert said.text.endswith("the base's limits judge")


def test_what_was_taken_out_with_a_reason_is_counted(branch: Branch) -> None:
    """A figure that is gone and accepted is no unchanged one, and a reason of several lines is one cell."""
    branch.project.gate["accepted"] = {"robust.accuracy.pgd": "replaced\nby another\n"}
    branch.project.write()
    branch.base = Results(repository(branch.project.root).here())
    found = branch.compare({"robust.accuracy.pgd": None})
    assert headline.headline(found).text == "Not weaker: 1 accepted"
    assert overview.figures(found.figures).rows[0][-1] == "accepted: replaced by another"
