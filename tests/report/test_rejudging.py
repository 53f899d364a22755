"""Judging the base again: on a small pipeline of its own, run by the real DVC."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.branching import Branch
from support.numbered import CHECKS, EVALUATE, SCORED, Pipeline, begin

from robust_digits.cache import code
from robust_digits.errors import InputError
from robust_digits.history.results import Results
from robust_digits.history.revisions import repository
from robust_digits.judge import evidence
from robust_digits.report import rejudging
from robust_digits.report.report import compare

pytestmark = pytest.mark.slow

WORST = "robust.accuracy.worst_case"


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Return the pipeline on a branch of main."""
    return begin(tmp_path_factory.mktemp("rejudging") / "project")


@pytest.fixture(scope="module")
def weakened(begun: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Return it on a branch whose attack and model are weaker than those of main."""
    made = Pipeline(_copy(begun, tmp_path_factory.mktemp("weakened")))
    made.commit("Weaken both", train_skill=7, evaluate_eps=3)
    return made


def _copy(made: Pipeline, folder: Path) -> Path:
    return Path(shutil.copytree(made.root, folder / "project", symlinks=True))


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Pipeline], Pipeline]:
    """Return how to stand in a copy of a pipeline, with a user's cache of one's own."""

    def stand(made: Pipeline) -> Pipeline:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        copied = Pipeline(_copy(made, tmp_path))
        monkeypatch.chdir(copied.root)
        return copied

    return stand


@pytest.fixture
def pipeline(begun: Pipeline, stand_in: Callable[[Pipeline], Pipeline]) -> Pipeline:
    """Return a copy of the pipeline on a branch where nothing has moved, as the working folder."""
    return stand_in(begun)


@pytest.fixture
def weaker(weakened: Pipeline, stand_in: Callable[[Pipeline], Pipeline]) -> Pipeline:
    """Return a copy of the branch on which both are weaker, as the working folder."""
    return stand_in(weakened)


def evaluated(made: Pipeline) -> list[str]:
    """Return the models that have been evaluated so far, the numbers that they are."""
    return (made.root / "evaluations.log").read_text(encoding="utf-8").split()


def _cached(made: Pipeline) -> Path:
    """Return where the cache has the base's robust model."""
    md5 = Results(repository().at(made.run("git", "rev-parse", "main").strip())).weights["robust"]
    return made.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


def test_the_models_of_the_base_are_judged_by_the_branch(weaker: Pipeline) -> None:
    """An attack of eps 3 leaves half of the images of the base's model and 40 of the branch's: so it is said."""
    found = compare("main", None, rejudge=True)
    change = next(change for change in found.figures if change.name == WORST)
    assert (change.base, change.here, change.status) == (0.5, 0.4, "weaker")
    assert change.difference
    assert (change.difference.test, change.difference.broke) == ("McNemar", tuple(range(40, 50)))
    assert found.same_models == ("baseline",)
    assert evaluated(weaker)[-1] == "8", "the base's robust model, and no other"


def test_what_the_base_drew_is_left_out(pipeline: Pipeline) -> None:
    """Its curves were measured under another attack than the figures beside them; how it was trained is as it was."""
    pipeline.run("git", "switch", "--quiet", "main")
    for path in ("security/linf.csv", "pictures/attack_robust.png", "training/robust.csv"):
        pipeline.text(f"plots/{path}", "")
    pipeline.commit("Draw")
    pipeline.run("git", "switch", "--quiet", "--create", "another")
    pipeline.commit("Weaken both", train_skill=7, evaluate_eps=3)
    found = compare("main", "HEAD", rejudge=True)
    assert [path for path in found.base.revision.files if path.startswith("plots/")] == ["plots/training/robust.csv"]


def test_the_evidence_of_both_sides(weaker: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """What DVC has of either side is found, and of a base that was judged again what was found then."""
    monkeypatch.setattr(evidence, "load", Path.read_text)  # a number, as the models
    seen: list[list[object]] = []
    for rejudge, here in ((False, "HEAD"), (True, "HEAD"), (True, None)):
        found = compare("main", here, rejudge=rejudge)
        seen += [[side.evidence(name, weaker.root) for name in found.here.models] for side in (found.base, found.here)]
    assert seen == [["4", "7"], ["2", "4"], *2 * [["2", "5"], ["2", "4"]]]


def test_what_was_judged_again_is_kept(weaker: Pipeline) -> None:
    """The second report runs nothing."""
    first = compare("main", None, rejudge=True)
    count = len(evaluated(weaker))
    assert compare("main", "HEAD", rejudge=True).figures == first.figures
    assert len(evaluated(weaker)) == count


@pytest.mark.fault("recovered")
def test_what_was_altered_or_made_by_other_libraries_is_judged_again(
    weaker: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A kept file whose figures somebody changed is said and not taken, nor is one of another TensorFlow."""
    first = compare("main", None, rejudge=True)
    (path,) = (tmp_path / "user").rglob("rejudged/*.npz")
    with np.load(path) as archive:
        arrays = dict(archive)
    metrics = arrays["metrics/robust.json"].tobytes().replace(b"0.5", b"0.9")
    np.savez(path, **{**arrays, "metrics/robust.json": np.frombuffer(metrics, np.uint8)})
    count = len(evaluated(weaker))
    assert compare("main", None, rejudge=True).figures == first.figures
    assert "it does not fit its checksum); the base is judged again" in capfd.readouterr().err
    assert len(evaluated(weaker)) == count + 1
    monkeypatch.setattr(code, "version", lambda _: "0.0")
    compare("main", None, rejudge=True)
    assert len(evaluated(weaker)) == count + 2


@pytest.mark.usefixtures("weaker")
@pytest.mark.fault("recovered")
def test_what_cannot_be_kept_is_judged_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where the user's cache cannot be written, one line says that the next report judges again."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    found = compare("main", None, rejudge=True)
    assert next(each.base for each in found.figures if each.name == WORST) == 0.5
    assert capfd.readouterr().err.count("cannot be written (Not a directory); the next report judges again\n") == 1


def test_nothing_is_judged_again_where_nothing_moved(pipeline: Pipeline) -> None:
    """A branch under the same attack is compared as it is."""
    pipeline.commit("Weaken the model", train_skill=7)
    count = len(evaluated(pipeline))
    assert not compare("main", None, rejudge=True).rejudged
    assert len(evaluated(pipeline)) == count


def test_models_that_are_the_same_are_not_run(pipeline: Pipeline) -> None:
    """Where only the attack moved the base's models have the figures of the branch."""
    pipeline.commit("Weaken the attack", evaluate_eps=0)
    count = len(evaluated(pipeline))
    found = compare("main", None, rejudge=True)
    assert {change.status for change in found.figures} == {"unchanged"}
    assert len(evaluated(pipeline)) == count


@pytest.mark.fault("refused")
def test_a_model_that_is_nowhere(weaker: Pipeline) -> None:
    """A model that neither cache nor remote has is one line that says how to get it."""
    _cached(weaker).unlink()
    with pytest.raises(InputError, match=r"models/robust\.keras of \w+ is neither in DVC's cache nor in its remote"):
        compare("main", None, rejudge=True)


@pytest.mark.fault("refused")
def test_another_file_under_its_hash_is_refused(weaker: Pipeline) -> None:
    """What the cache has in the place of the base's model is judged only if it is that model."""
    (lost := _cached(weaker)).chmod(0o644)
    lost.write_text("9", encoding="utf-8")
    with pytest.raises(InputError, match=r"robust\.keras of \w+: what the cache or the remote has is another file"):
        compare("main", None, rejudge=True)


def test_a_model_that_is_judged_no_more_is_not_judged_again(pipeline: Pipeline) -> None:
    """Its figures are gone, and said to be."""
    graph = yaml.safe_load((pipeline.root / "dvc.yaml").read_text(encoding="utf-8"))
    for name in ("evaluate", "score"):
        graph["stages"][name]["matrix"]["model"] = ["baseline"]
    pipeline.text("dvc.yaml", yaml.safe_dump(graph, sort_keys=False))
    pipeline.text("stages/checks.py", CHECKS)
    for path in SCORED:
        (pipeline.root / path.format("robust")).unlink()
    pipeline.commit("Judge the baseline alone", evaluate_eps=3)
    gone = [change.name for change in compare("main", None, rejudge=True).figures if change.status == "gone"]
    assert gone == [WORST]


def test_a_branch_that_goes_on_judges_the_base_once(weaker: Pipeline) -> None:
    """Another model of the branch, under the same attack, asks nothing new of the base's."""
    compare("main", None, rejudge=True)
    weaker.commit("Weaken more", train_skill=6, evaluate_eps=3)
    count = len(evaluated(weaker))
    assert compare("main", None, rejudge=True).rejudged
    assert len(evaluated(weaker)) == count


def test_a_model_in_a_remote_is_fetched(pipeline: Pipeline, tmp_path: Path) -> None:
    """What only the remote has is brought from there."""
    pipeline.run("dvc", "remote", "add", "--quiet", "--default", "--local", "store", str(tmp_path / "remote"))
    pipeline.run("dvc", "push", "--quiet")
    pipeline.commit("Weaken both", train_skill=7, evaluate_eps=3)
    _cached(pipeline).unlink()
    assert next(each.base for each in compare("main", None, rejudge=True).figures if each.name == WORST) == 0.5


@pytest.mark.fault("refused")
def test_images_that_the_base_may_have_been_trained_on(branch: Branch) -> None:
    """On other test images no model but one that the branch has too is judged again: it may have learned them."""
    branch.project.test_images = "another draw"
    same = branch.compare()
    again = rejudging.rejudged(branch.base, same.here, branch.project.root)
    assert again.figures == same.here.figures
    branch.project.params["harden"]["steps"] = 1
    here = branch.compare().here
    with pytest.raises(
        InputError, match=r"the test images are not those of \w+, whose models may have been trained on"
    ):
        rejudging.rejudged(branch.base, here, branch.project.root)


@pytest.mark.fault("refused")
def test_another_working_tree_is_refused(weaker: Pipeline) -> None:
    """What lies in the working tree judges, so that it must be what is compared."""
    weaker.run("git", "branch", "other")
    weaker.commit("Go on", train_skill=6, evaluate_eps=3)
    with pytest.raises(InputError, match=r"the base is judged by what lies in the working tree: that is not \w+"):
        compare("main", "other", rejudge=True)


def test_an_evaluation_that_fails(pipeline: Pipeline, capfd: pytest.CaptureFixture[str]) -> None:
    """A command that fails is named with its exit code."""
    code = EVALUATE.replace("import", "import sys\nassert '/tmp' not in sys.argv[3], 'not here'\nimport", 1)
    pipeline.text("stages/evaluate.py", code)
    pipeline.commit("Weaken both", train_skill=7, evaluate_eps=3)
    with pytest.raises(InputError, match=r"could not be judged again: `.*stages/evaluate\.py .*` ended with 1"):
        compare("main", None, rejudge=True)
    assert "not here" in capfd.readouterr().err
