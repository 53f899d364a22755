"""What counts as judging otherwise, and what does not."""

from pathlib import Path

import pytest
from dvc.repo import Repo

from robust_digits.history import protocol
from robust_digits.history.protocol import EXEMPT, Rerun

ROOT = Path(__file__).parents[2]


def test_the_protocol_has_no_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every module and parameter that the judging stages of this project read is told, or is let go for a reason."""
    monkeypatch.chdir(ROOT)
    stages = {stage.addressing: stage for stage in Repo().index.stages}
    judging = [name for name in stages if name.startswith(("fetch", "normalize", "evaluate@", "score@", "summarize"))]
    assert len(judging) == 3 + 2 * 3
    read = {dep.def_path for name in judging for dep in stages[name].deps if dep.def_path.endswith(".py")}
    read |= {param for name in judging for dep in stages[name].deps for param in getattr(dep, "params", [])}
    reruns = [Rerun("evaluate@robust", (name,), same_results=False) for name in sorted(read)]
    told = set(protocol.moved(reruns))
    assert read - told == {name for name in read if name.startswith(tuple(EXEMPT))}
    assert {"robust_digits/certify/interval_bounds.py", "robust_digits/runtime.py", "evaluate"} <= told
    assert all(any(name.startswith(key) for name in read) for key in EXEMPT), "a reason for nothing"
    assert all(EXEMPT.values())


def test_what_judges_is_told_under_any_name() -> None:
    """Crafting code counts, what crafting trains on does not; a stage that judges every model no more counts too."""

    def told(**stages: str) -> tuple[str, ...]:
        reruns = (Rerun(name.replace("_of_", "@"), (why,), same_results=False) for name, why in stages.items())
        return protocol.moved(reruns)

    assert told(craft_of_fgm="stages/craft.py") == ("stages/craft.py",)
    assert told(craft_of_fgm="craft.fraction") == ()
    assert told(evaluate_of_a="gone", attack_of_a="new") == ("evaluate",)
    assert told(evaluate_of_a="gone", evaluate_of_b="models/b.keras") == (), "a model that is judged no more"


def test_what_moved_has_a_name_for_people() -> None:
    """Names are told by what they belong to, in one order, each once; the rest is what judges."""
    names = ["robust_digits/runtime.py", "evaluate.eps", "robust_digits/attack/fab.py", "data/normalized/test"]
    assert protocol.kinds(names) == ["the data", "the attack", "what judges"]
    assert protocol.kinds(["robust_digits/judge/sanity.py"]) == ["the evaluation"]
