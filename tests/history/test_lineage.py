"""dvc.lock tells which stages ran again and why, and whether the results are those of the files beside it."""

from pathlib import Path

import pytest
import yaml
from support.made_up import Project, branch, project

from robust_digits.errors import InputError
from robust_digits.history import lineage
from robust_digits.history.revisions import Revision, repository

ROOT = Path(__file__).parents[2]
RAN = "train_hardened ran with"


def here(made: Project) -> Revision:
    """Return the working tree of a project."""
    return repository(made.root).here()


@pytest.fixture
def made(tmp_path: Path) -> Project:
    """Return a project whose results are those of its files."""
    return project(tmp_path / "project")


def test_stages_in_the_order_of_the_pipeline(made: Project) -> None:
    """Every declared stage that ran is read, those of a matrix by DVC's names; one that is declared no more is not."""
    trained = ["train_baseline", "train_robust", "train_hardened"]
    judged = [f"{stage}@{model}" for stage in ("evaluate", "score") for model in ("baseline", "robust", "hardened")]
    assert list(lineage.read(here(made))) == [*trained, *judged, "summarize"]
    made.text("dvc.yaml", "stages: {evaluate: {matrix: {model: [robust]}}}\n")
    assert list(lineage.read(here(made))) == ["evaluate@robust"]


def test_metrics_that_no_stage_wrote(made: Project) -> None:
    """What a model left that is judged no more is no result."""
    made.text("metrics/former.json", "{}")
    assert lineage.stale(here(made)) == ["metrics/former.json was written by no stage"]


def test_a_matrix_over_a_list_of_params(made: Project) -> None:
    """An axis may be the name of a list in params.yaml, or of a mapping, whose keys count; all else is refused."""
    made.text("dvc.yaml", "stages: {evaluate: {matrix: {model: '${models}'}}}\n")
    assert list(lineage.read(here(made))) == ["evaluate@baseline", "evaluate@robust", "evaluate@hardened"]
    made.text("params.yaml", "craft: {attacks: {fgm: {}, pgd: {}}}\n")
    made.text("dvc.yaml", "stages: {evaluate: {matrix: {model: '${craft.attacks}'}}}\n")
    assert lineage.stale(here(made))[:2] == ["evaluate@fgm never ran", "evaluate@pgd never ran"]
    made.text("params.yaml", "seed: 0\n")
    made.text("dvc.yaml", "stages: {evaluate: {matrix: {model: '${seed}'}}}\n")
    with pytest.raises(InputError, match=r"^dvc.yaml in [^\n]+: expected a list as the axis of a matrix, got 0$"):
        lineage.read(here(made))


def test_this_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock of this very project is understood: every stage, and DVC's own hash of the folder of plots."""
    monkeypatch.chdir(ROOT)
    revision = repository().here()
    found = lineage.read(revision)
    assert {"fetch", "evaluate@baseline", "summarize"} <= found.keys()
    assert found["craft@fgm"].params["craft.eps"] == 0.2
    assert not [phrase for phrase in lineage.stale(revision) if "wrote another plots" in phrase]
    assert not [phrase for phrase in lineage.stale(revision) if "another command" in phrase]


def test_differences(tmp_path: Path) -> None:
    """A stage that read another parameter or another file says which."""
    made = branch(tmp_path / "project", {"hardened.accuracy.worst_case": 0.1}, harden={"eps": 0.0})
    found = repository(made.root)
    now, was = (lineage.read(found.at(found.commit(name))) for name in ("idea", "main"))
    assert now["train_hardened"].differences(was["train_hardened"]) == ["harden.eps"]
    assert now["evaluate@hardened"].differences(was["evaluate@hardened"]) == ["models/hardened.keras"]
    assert now["evaluate@robust"].differences(was["evaluate@robust"]) == []


def test_fresh_results(made: Project) -> None:
    """Results that are those of the files beside them have nothing against them."""
    assert lineage.stale(here(made)) == []


@pytest.mark.parametrize(
    ("path", "change", "phrases"),
    [
        ("params.yaml", ("eps: 0.2\n  steps: 7", "eps: 0.1\n  steps: 7"), [f"{RAN} harden.eps 0.2, not 0.1"]),
        ("params.yaml", ("  steps: 7\n", "  steps: 7\n  more: 1\n"), [f"{RAN} harden.more None, not 1"]),
        ("params.yaml", ("learning_rate: 0.001", "learning_rate: 1e-3"), []),  # the same number to DVC
        ("params.yaml", ("sha256: null", "sha256: abc"), []),  # no stage of this project reads it
        ("metrics/robust.json", ("0.98", "0.99"), ["score@robust wrote another metrics/robust.json"]),
        ("metrics/sanity.json", ("0.5", "0.6"), ["summarize wrote another metrics/sanity.json"]),
        ("plots/per_class/clean.csv", ("0.99", "1.00"), ["summarize wrote another plots"]),
        (
            "dvc.yaml",
            ("- baseline", "- newcomer\n      - baseline"),
            ["evaluate@newcomer never ran", "score@newcomer never ran"],
        ),
        (
            "dvc.yaml",
            ("cmd: python -m stages.summarize", "cmd: python -m stages.summarize --kindly"),
            ["summarize ran by another command than dvc.yaml has"],
        ),
        (
            "dvc.yaml",
            ("deps:\n    - data/evidence/${item.model}.npz\n", "deps:\n    - data/${item.model}.npz\n"),
            [
                phrase
                for model in ("baseline", "robust", "hardened")
                for phrase in (
                    f"score@{model} ran without data/{model}.npz, which dvc.yaml names",
                    f"score@{model} ran with data/evidence/{model}.npz, which dvc.yaml does not name",
                )
            ],
        ),
        ("dvc.yaml", ("    - harden\n", ""), ["train_hardened ran with harden, which dvc.yaml does not name"]),
        (
            "dvc.yaml",
            ("    - metrics/sanity.json\n", "    - metrics/sanity.json:\n        cache: false\n    - more\n"),
            ["summarize ran without more, which dvc.yaml names"],
        ),
    ],
)
def test_stale_results(made: Project, path: str, change: tuple[str, str], phrases: list[str]) -> None:
    """A change without a run is told, in the words of the stage that should have run."""
    before = (made.root / path).read_text(encoding="utf-8")
    assert change[0] in before
    made.text(path, before.replace(*change))
    assert lineage.stale(here(made)) == phrases


def test_changed_code_is_stale(made: Project) -> None:
    """Every stage that reads a changed module should have run."""
    made.text("stages/evaluate.py", "judge_kindly()\n")
    models = ("baseline", "robust", "hardened")
    assert lineage.stale(here(made)) == [f"evaluate@{model} read another stages/evaluate.py" for model in models]


def test_a_lock_pieced_together_is_stale(made: Project) -> None:
    """What one stage read must be what another wrote, though the file itself is in no git."""
    lock = yaml.safe_load((made.root / "dvc.lock").read_text(encoding="utf-8"))
    lock["stages"]["train_hardened"]["outs"][0]["md5"] = "0" * 32
    made.text("dvc.lock", yaml.safe_dump(lock, sort_keys=False))
    assert lineage.stale(here(made)) == ["evaluate@hardened read another models/hardened.keras"]


@pytest.mark.parametrize(
    "stage", ["{}", "{cmd: 'echo ${none}'}", "{cmd: [1]}", "{cmd: x, deps: 1}", "{cmd: x, outs: [{a: {}, b: {}}]}"]
)
def test_what_is_no_stage(made: Project, stage: str) -> None:
    """A stage that DVC would not take, or that names what is not there, is refused in one line."""
    made.text("dvc.yaml", f"stages: {{summarize: {stage}}}\n")
    with pytest.raises(InputError, match=r"^dvc.yaml in [^\n]+: summarize: not a stage of DVC: [^\n]+$"):
        lineage.stale(here(made))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("stages:", "stages: expected a mapping, got None"),
        ("stages: [1]", r"stages: expected a mapping, got \[1\]"),
        ("stages: {a: x}", "a: expected a mapping, got 'x'"),
        ("stages: {a: }", "a: expected a mapping, got None"),
        ("stages: {a: {matrix: }}", "a: matrix: expected a mapping, got None"),
    ],
)
def test_what_declares_no_stages(made: Project, content: str, said: str) -> None:
    """What is no mapping of stages, and a matrix that is none of axes, are refused in one line."""
    made.text("dvc.yaml", content)
    for read in (lineage.read, lineage.stale):
        with pytest.raises(InputError, match=f"^dvc.yaml in {here(made).label}: {said}$"):
            read(here(made))


@pytest.mark.parametrize(
    "content",
    [
        "stages: []",
        "stages: {a: {cmd: x, deps: [{path: y}]}}",
        "stages: {a: {cmd: x, params: {params.yaml: {1: 2}}}}",
        "schema: '2.0'",
    ],
)
def test_what_is_no_lock(made: Project, content: str) -> None:
    """A lock that DVC did not write is refused in one line."""
    made.text("dvc.lock", content)
    with pytest.raises(InputError, match=r"^dvc.lock in [^\n]+: not a lock file of DVC: [^\n]+$"):
        lineage.read(here(made))
