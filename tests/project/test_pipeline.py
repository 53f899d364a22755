"""The real pipeline under the real DVC, small: what runs, what does not run again, and what survives a mistake."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo
from support.pipeline import ROOT, commit, make_project, ran, run, set_params

from robust_digits import tables
from robust_digits.data import images
from robust_digits.judge import evidence

pytestmark = pytest.mark.slow


MODELS = ("baseline", "robust", "hardened")
EVALUATIONS, SCORES = ({f"{stage}@{model}" for model in MODELS} for stage in ("evaluate", "score"))
ALL = {
    "fetch",
    "normalize",
    "train_baseline",
    "craft@fgm",
    "augment",
    "train_robust",
    "train_hardened",
    *EVALUATIONS,
    *SCORES,
    "summarize",
}
# Without what repeats them for other models, and without pictures, which another test draws twice.
ONE_OF_EACH_KIND = (
    ALL - {"summarize"} - {f"{stage}@{model}" for stage in ("evaluate", "score") for model in ("baseline", "robust")}
)
TRAININGS = {"train_baseline", "train_robust", "train_hardened"}
# Which stages read a parameter themselves; those after them run again when what they read has changed.
READERS: list[tuple[str, Any, set[str]]] = [
    ("seed", 1, {"normalize", "craft@fgm", *TRAININGS, *EVALUATIONS}),
    ("threads", 1, {"craft@fgm", *TRAININGS, *EVALUATIONS}),
    ("models", ["hardened", "robust", "baseline"], {"summarize"}),
    ("data.source", "mnist", {"fetch", "normalize"}),
    ("data.sha256", "0" * 64, {"fetch"}),
    ("data.image_size", 9, {"normalize"}),
    ("data.label_noise", 1, {"normalize"}),
    ("data.test", 0.3, {"normalize"}),
    ("data.validation", 0.2, {"normalize"}),
    ("train.architecture", "other", {"train_baseline"}),
    ("train.depth", 2, {"train_baseline"}),
    ("train.width", 64, {"train_baseline"}),
    ("train.kernel_size", 5, {"train_baseline"}),
    ("train.dropout", 0.1, {"train_baseline"}),
    ("train.optimizer", "adam", {"train_baseline"}),
    ("train.learning_rate", 0.01, {"train_baseline"}),
    ("train.loss", "poisson", {"train_baseline"}),
    ("train.epochs", 2, {"train_baseline"}),
    ("train.batch_size", 32, {"train_baseline"}),
    ("train.augmentation", {"rotation": 9, "shift": 0, "shear": 0, "zoom": 0}, {"train_baseline"}),
    ("craft.norm", 2, {"craft@fgm", *EVALUATIONS}),
    ("craft.eps", 0.3, {"craft@fgm", *EVALUATIONS}),
    ("craft.fraction", 0.5, {"craft@fgm"}),
    ("craft.attacks", {"fgm": {}, "noise": {"draws": 1}}, {"craft@noise", "augment", *EVALUATIONS}),
    ("augment.attacks", {"fgm": 0.5}, {"augment"}),
    ("retrain.init", "scratch", {"train_robust"}),
    ("retrain.optimizer", "rmsprop", {"train_robust"}),
    ("retrain.learning_rate", 0.01, {"train_robust"}),
    ("retrain.epochs", 2, {"train_robust"}),
    ("retrain.batch_size", 32, {"train_robust"}),
    ("harden.method", "other", {"train_hardened"}),
    ("harden.architecture", "other", {"train_hardened"}),
    ("harden.width", 123, {"train_hardened"}),
    ("harden.eps", 0.123, {"train_hardened"}),
    ("harden.steps", 123, {"train_hardened"}),
    ("harden.step", 0.123, {"train_hardened"}),
    ("harden.weight", 0.123, {"train_hardened"}),
    ("harden.tighten", 0.123, {"train_hardened"}),
    ("harden.clean_images", 123, {"train_hardened"}),
    ("harden.ramp", [0.123, 0.123], {"train_hardened"}),
    ("harden.learning_rate", 0.123, {"train_hardened"}),
    ("harden.schedule", [[0.123, 1.0]], {"train_hardened"}),
    ("harden.clip", 0.123, {"train_hardened"}),
    ("harden.epochs", 123, {"train_hardened"}),
    ("harden.batch_size", 123, {"train_hardened"}),
    ("harden.patience", 123, {"train_hardened"}),
    ("harden.allow_collapse", None, {"train_hardened"}),
    ("evaluate.eps", 0.3, EVALUATIONS),
    ("evaluate.attacks", {"fgm": {}}, EVALUATIONS),
    ("evaluate.curve", None, EVALUATIONS),
]
NAMING = {"models", "craft.attacks"}  # values of these name stages: dvc.yaml is read anew
# Put on the path of a traced run: notes every file of the project that a stage opens, and whether to write it.
TRACER = """
import os, sys
if sys.orig_argv[1:2] == ["-m"] and sys.orig_argv[2].startswith("stages."):
    root, command = os.environ["TRACED_ROOT"], " ".join(["python", *sys.orig_argv[1:]])
    log = os.open(os.environ["TRACED_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    def note(event, arguments):
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            path = os.path.abspath(os.fsdecode(arguments[0]))
            if path.startswith(root + os.sep) and not path.endswith((".py", ".pyc")) and "__pycache__" not in path:
                mode = "writes" if (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR) else "reads"
                os.write(log, f"{command}\\t{mode}\\t{os.path.relpath(path, root)}\\n".encode())
    sys.addaudithook(note)
"""


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's cache out of the tests: what a training leaves there is of these small ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small project after one cold, traced `dvc repro`, its results committed."""
    at = make_project(tmp_path_factory.mktemp("project"))
    tracer = tmp_path_factory.mktemp("tracer")
    (tracer / "sitecustomize.py").write_text(TRACER, encoding="utf-8")
    log = at / ".dvc" / "tmp" / "opened.txt"
    printed = run("dvc", "repro", at=at, PYTHONPATH=str(tracer), TRACED_ROOT=str(at), TRACED_LOG=str(log))
    assert ran(printed) == ALL
    commit(at, "Run")
    return at


@pytest.fixture
def workspace(project: Path, tmp_path: Path) -> Path:
    """Return a copy of the small project, cache included, for one test to change."""
    return shutil.copytree(project, tmp_path / "workspace", symlinks=True)


def test_a_second_run_runs_nothing(project: Path) -> None:
    """`dvc repro` right after `dvc repro` runs no stage and changes no file in git."""
    assert ran(run("dvc", "repro", at=project)) == set()
    assert run("git", "status", "--porcelain", at=project) == ""


def test_two_cold_runs_give_the_same_bytes(project: Path, tmp_path: Path) -> None:
    """Another folder without a cache gives the same models, evidence, metrics and plots, one stage of each kind."""
    other = make_project(tmp_path / "other")
    assert ran(run("dvc", "repro", "score@hardened", "train_robust", at=other)) == ONE_OF_EACH_KIND
    made, again = (yaml.safe_load((at / "dvc.lock").read_text(encoding="utf-8"))["stages"] for at in (project, other))
    assert again == {stage: made[stage] for stage in again}


def test_opened_files_are_declared(project: Path) -> None:
    """A stage reads data that it declares as deps, writes what it declares as outs, and nothing else."""
    opened: dict[str, dict[str, set[str]]] = {}
    for line in (project / ".dvc" / "tmp" / "opened.txt").read_text().splitlines():
        command, mode, path = line.split("\t")
        final = re.sub(
            r"\.([^/]+)\.[^/.]+-\d+\.writing(\.keras)?", r"\1", path
        )  # the temporary name, before it is renamed
        if (project / final).exists():  # libraries look for files that are not there
            opened.setdefault(command, {"reads": set(), "writes": set()})[mode].add(final)
    for stage in Repo(str(project)).index.stages:
        seen = opened[stage.cmd]
        outs = {out.def_path for out in stage.outs}
        data = {dep.def_path for dep in stage.deps if not dep.def_path.endswith((".py", ".yaml"))}
        assert not outside(seen["writes"], outs), stage.addressing
        assert not outside(seen["reads"], data | outs | {"params.yaml"}), stage.addressing
        assert all(outside(seen["writes"], outs - {out}) for out in outs), f"{stage.addressing} leaves an output out"
        assert all(outside(seen["reads"], data - {dep} | outs | {"params.yaml"}) for dep in data), (
            f"{stage.addressing} never reads a dependency"
        )


def outside(paths: set[str], declared: set[str]) -> set[str]:
    """Return the paths that are neither declared nor in a declared folder."""
    return {path for path in paths if not any(path == name or path.startswith(f"{name}/") for name in declared)}


@pytest.fixture(scope="module")
def scratch(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Return a copy of the small project, its stages read once, whose parameters the tests change and put back."""
    return Repo(str(shutil.copytree(project, tmp_path_factory.mktemp("scratch") / "project", symlinks=True)))


@pytest.mark.parametrize(("name", "value", "readers"), READERS, ids=[name for name, _, _ in READERS])
def test_a_parameter_reaches_its_readers_only(
    scratch: Repo, name: str, value: object, readers: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changing a parameter makes DVC see a change in the stages that read it, and in no other."""
    at = Path(scratch.root_dir)
    monkeypatch.chdir(at)  # DVC names stages from where it stands
    with restored(at / "params.yaml"):
        set_params(at, {name: value})
        assert changed(Repo() if name in NAMING else scratch) == readers


@pytest.mark.parametrize(
    ("module", "readers"),
    [
        ("judge/scoring.py", {*SCORES, "summarize"}),
        ("judge/sanity.py", {"summarize"}),
        ("draw/charts.py", {"summarize"}),
    ],
)
def test_who_edits_a_metric_attacks_nothing(
    scratch: Repo, module: str, readers: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scoring, thresholds and pictures are made from the evidence: no model is attacked again for them."""
    at = Path(scratch.root_dir)
    monkeypatch.chdir(at)
    with restored(at / "robust_digits" / module) as path:
        path.write_text(path.read_text(encoding="utf-8") + "# a comment\n", encoding="utf-8")
        assert changed(scratch) == readers


@contextmanager
def restored(path: Path) -> Iterator[Path]:
    """Put back what a file holds when the block is over."""
    before = path.read_bytes()
    try:
        yield path
    finally:
        path.write_bytes(before)


def changed(repo: Repo) -> set[str]:
    """Return the stages in which DVC sees a change of their own."""
    with repo.lock:
        return {stage.addressing for stage in repo.index.stages if stage.status()}


def test_the_table_of_parameters_is_complete() -> None:
    """Every parameter has a line in the table above."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    names = {f"{key}.{inner}" for key, value in params.items() if isinstance(value, dict) for inner in value}
    names |= {key for key, value in params.items() if not isinstance(value, dict)}
    names = {name for name in names if not name.startswith("detect.")}  # of a pipeline of its own
    assert {name for name, _, _ in READERS} == names


def test_retraining_longer_reruns_what_depends_on_it(workspace: Path) -> None:
    """`retrain.epochs` reruns the robust model, its evaluation and the summary; a bare clone shows the difference."""
    set_params(workspace, {"retrain.epochs": 2})
    assert ran(run("dvc", "repro", at=workspace)) == {"train_robust", "evaluate@robust", "score@robust", "summarize"}
    commit(workspace, "Retrain longer")
    clone = workspace.with_name("clone")
    run("git", "clone", "--quiet", str(workspace), str(clone), at=workspace)
    metrics = json.loads(run("dvc", "metrics", "diff", "--json", "--all", "HEAD~1", "HEAD", at=clone))
    assert metrics["metrics/robust.json"]["accuracy.clean"]["diff"] != 0
    assert metrics["metrics/baseline.json"]["accuracy.clean"]["diff"] == 0
    plots = json.loads(run("dvc", "plots", "diff", "--json", "HEAD~1", "HEAD", at=clone))["data"]
    assert plots["Accuracy while training"][0]["revisions"] == ["HEAD~1", "HEAD"]
    assert {tuple(image["revisions"]) for image in plots["plots/pictures/accuracies.png"]} == {("HEAD~1",), ("HEAD",)}


def test_a_stronger_attack_trains_no_baseline(workspace: Path) -> None:
    """Up to the augmented set, `craft.eps` runs what crafts and appends it; going back takes both from the cache."""
    old = (workspace / "params.yaml").read_text()
    set_params(workspace, {"craft.eps": 0.3})
    assert ran(run("dvc", "repro", "augment", at=workspace)) == {"craft@fgm", "augment"}
    (workspace / "params.yaml").write_text(old)
    assert ran(run("dvc", "repro", at=workspace)) == set()
    assert run("git", "status", "--porcelain", at=workspace) == ""


def test_another_attack_crafts_its_own_set_only(workspace: Path) -> None:
    """What was crafted stays; a share of the new set is trained on, and models are shown it; there is a way back."""
    mixed = {"craft.attacks": {"fgm": {}, "noise": {"draws": 1}}, "augment.attacks": {"fgm": 1.0, "noise": 0.5}}
    set_params(workspace, mixed)
    assert ran(run("dvc", "repro", "evaluate@baseline", "augment", at=workspace)) == {
        "craft@noise",
        "augment",
        "evaluate@baseline",
    }
    counts = {
        name: len(images.load(workspace / "data" / name))
        for name in ("normalized/train", "adversarial/train/fgm", "adversarial/train/noise", "augmented")
    }
    whole, fgm, noise, augmented = counts.values()
    assert (noise, augmented) == (fgm, whole + fgm + noise // 2)
    found = evidence.load(workspace / "data" / "evidence" / "baseline.npz")
    assert {"fgm_transfer", "noise_transfer"} <= found.predictions.keys()
    assert found.suite() == ["fgm", "pgd", "square"]
    run("git", "restore", ".", at=workspace)
    run("dvc", "checkout", at=workspace)
    assert not (workspace / "data" / "adversarial" / "test" / "noise").exists(), "it would be taken for a set"
    assert ran(run("dvc", "repro", at=workspace)) == set()


def test_pictures_drawn_again_are_the_same(workspace: Path) -> None:
    """Who edits a module that draws gets the same bytes, unless the edit changes what is drawn."""
    charts = workspace / "robust_digits" / "draw" / "charts.py"
    charts.write_text(charts.read_text(encoding="utf-8") + "# a comment\n", encoding="utf-8")
    assert ran(run("dvc", "repro", at=workspace)) == {"summarize"}
    assert run("git", "diff", "--name-only", at=workspace).split() == ["dvc.lock", "robust_digits/draw/charts.py"]


def test_a_model_is_a_file_and_a_name(workspace: Path) -> None:
    """A model that this pipeline did not train is judged like the others once `models` names it, with its checks."""
    shutil.copyfile(workspace / "models" / "robust.keras", workspace / "models" / "mine.keras")
    set_params(workspace, {"models": [*MODELS, "mine"]})
    assert ran(run("dvc", "repro", at=workspace)) == {"evaluate@mine", "score@mine", "summarize"}
    mine, robust = (json.loads((workspace / f"metrics/{model}.json").read_bytes()) for model in ("mine", "robust"))
    assert mine == robust
    checks = json.loads((workspace / "metrics/sanity.json").read_bytes())
    assert list(checks) == [*MODELS, "mine"]
    assert (workspace / "plots/security/linf.csv").read_text().startswith("eps,baseline,robust,hardened,mine\n")
    assert (workspace / "plots/pictures/attack_mine.png").exists()


def test_details_and_verdicts_are_those_of_the_metrics(project: Path) -> None:
    """Every figure says how it was made, and its share is that of the images which its column of verdicts counts."""
    for model in MODELS:
        metrics = json.loads((project / f"metrics/{model}.json").read_bytes())
        details = json.loads((project / f"metrics/details/{model}.json").read_bytes())
        names = [f"{group}.{name}" for group, named in metrics.items() for name in named]
        assert list(details) == names
        rows = tables.read(project / f"metrics/verdicts/{model}.csv")
        for view, share in metrics["accuracy"].items():
            seen = [int(row[view]) for row in rows if row[view]]
            assert len(seen) == details[f"accuracy.{view}"]["images"]
            assert abs(sum(seen) / len(seen) - share) < 0.51e-4


@pytest.mark.parametrize(
    ("values", "stage", "message"),
    [
        ({"craft.eps": -1}, "craft@fgm", "params.yaml: craft.eps: expected greater than 0, got -1"),
        ({"retrain.epoch": 1}, "train_robust", "params.yaml: retrain.epoch is not a parameter; did you mean epochs?"),
        ({"train.architecture": "perceptron"}, "train_baseline", "train.architecture: expected 'one_convolution'"),
        ({"train.depth": 3}, "train_baseline", "train.depth: expected null, because one_convolution has kernel_size"),
        ({"data.sha256": "0" * 64}, "fetch", "data.sha256: digits has its checksums built in"),
        ({"data.source": "nowhere.npz"}, "fetch", "data.source: expected digits, mnist, fashion_mnist, cifar10, a URL"),
    ],
    ids=["eps", "misspelt", "unknown network", "not of this network", "checksum", "missing file"],
)
def test_a_mistake_loses_nothing(workspace: Path, values: dict[str, Any], stage: str, message: str) -> None:
    """A wrong parameter is one clear line and a failure; with it mended, `dvc checkout` brings the results back."""
    old = (workspace / "params.yaml").read_text()
    set_params(workspace, values)
    printed = run("dvc", "repro", at=workspace, expect=255)
    assert message in printed
    assert "Traceback" not in printed
    assert f"failed to reproduce '{stage}'" in printed
    (workspace / "params.yaml").write_text(old)
    run("dvc", "checkout", at=workspace)
    assert run("git", "status", "--porcelain", at=workspace) == ""
    assert Repo(str(workspace)).status() == {}


def test_the_first_stage_refuses_the_mistakes_of_all(tmp_path: Path) -> None:
    """On a bare clone a wrong parameter of the last training ends the run in `fetch`, before anything is made."""
    at = make_project(tmp_path / "bare")
    set_params(at, {"harden.method": "pdg"})
    printed = run("dvc", "repro", at=at, expect=255)
    assert "fetch: params.yaml: harden.method: expected 'pgd', 'fast', 'trades', 'ibp' or 'mixed', got 'pdg'" in printed
    assert "Traceback" not in printed
    assert ran(printed) == {"fetch"}


def test_a_remote_shares_results(workspace: Path, tmp_path: Path) -> None:
    """What one clone pushes to a remote, another pulls: nothing has to run there."""
    run("dvc", "remote", "add", "--default", "team", str(tmp_path / "remote"), at=workspace)
    run("dvc", "push", at=workspace)
    commit(workspace, "Name the remote")
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", str(workspace), str(clone), at=tmp_path)
    run("dvc", "pull", at=clone)
    assert ran(run("dvc", "repro", at=clone)) == set()


def test_a_released_model_needs_no_clone(workspace: Path, tmp_path: Path) -> None:
    """`dvc artifacts get` finds a model by its name and an annotated tag, `dvc get` by its path."""
    author = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    run("git", *author, "tag", "--annotate", "hardened@v1.0.0", "--message", "First", at=workspace)
    run("dvc", "artifacts", "get", str(workspace), "hardened", "--out", "released.keras", at=tmp_path)
    run("dvc", "get", str(workspace), "models/hardened.keras", at=tmp_path)
    for name in ("released.keras", "hardened.keras"):
        assert (tmp_path / name).read_bytes() == (workspace / "models" / "hardened.keras").read_bytes()
