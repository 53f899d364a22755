"""The real pipeline under the real DVC, small: what runs, what does not run again, and what survives a mistake."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo

ROOT = Path(__file__).parents[2]
SMALL = {
    "data.image_size": 8,
    "train.epochs": 1,
    "train.batch_size": 64,
    "craft.fraction": 0.2,
    "retrain.epochs": 1,
    "retrain.batch_size": 64,
    "harden.method": "pgd",
    "harden.architecture": "strided",
    "harden.width": 16,
    "harden.weight": None,
    "harden.steps": 1,
    "harden.epochs": 1,
    "harden.batch_size": 64,
    "harden.patience": None,
    "harden.allow_collapse": True,  # in one epoch nothing is learnt
    "evaluate.attacks": {"fgm": {}, "pgd": {"steps": 2, "restarts": 1}, "square": {"queries": 10}},
    "evaluate.curve": {"samples": 20, "steps": 2, "linf": [0.0, 0.5], "l2": [0.0, 1.0]},
}
EVALUATIONS = {"evaluate@baseline", "evaluate@robust", "evaluate@hardened"}
ALL = {
    "fetch",
    "normalize",
    "train_baseline",
    "craft",
    "augment",
    "train_robust",
    "train_hardened",
    *EVALUATIONS,
    "summarize",
}
TRAININGS = {"train_baseline", "train_robust", "train_hardened"}
# Which stages read a parameter themselves; those after them run again when what they read has changed.
READERS: list[tuple[str, Any, set[str]]] = [
    ("seed", 1, {"normalize", "craft", *TRAININGS, *EVALUATIONS}),
    ("threads", 1, {"craft", *TRAININGS, *EVALUATIONS}),
    ("data.source", "mnist", {"fetch", "normalize"}),
    ("data.sha256", "0" * 64, {"fetch"}),
    ("data.image_size", 9, {"normalize"}),
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
    ("craft.norm", 2, {"craft", *EVALUATIONS}),
    ("craft.eps", 0.3, {"craft", *EVALUATIONS}),
    ("craft.fraction", 0.5, {"craft"}),
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


def run(*command: str, at: Path, expect: int = 0, **variables: str) -> str:
    """Run a command in a folder with the project's own environment first on the PATH; return all it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **variables}
    done = subprocess.run(command, cwd=at, env=environment, capture_output=True, text=True, check=False)
    printed = done.stdout + done.stderr
    assert done.returncode == expect, printed
    return printed


def set_params(at: Path, values: dict[str, Any]) -> None:
    """Change parameters in the params.yaml of a project."""
    params = yaml.safe_load((at / "params.yaml").read_text(encoding="utf-8"))
    for name, value in values.items():
        *outer, last = name.split(".")
        section = params
        for key in outer:
            section = section[key]
        section[last] = value
    (at / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def make_project(at: Path) -> Path:
    """Return a copy of this project's files with small parameters, committed, as a fresh clone without a cache."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", at=ROOT)
    for name in listed.splitlines():
        if name not in {"dvc.lock", "params.yaml"} and not name.startswith(("docs/", "tests/", "metrics/", "plots/")):
            (at / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, at / name)
    shutil.copyfile(ROOT / "params.yaml", at / "params.yaml")
    set_params(at, SMALL)
    run("git", "init", "--quiet", "--initial-branch=main", at=at)
    commit(at, "Start")
    return at


def commit(at: Path, message: str) -> None:
    """Commit everything that git does not ignore."""
    run("git", "add", "--all", at=at)
    run("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", message, at=at)


def ran(printed: str) -> set[str]:
    """Return the stages that `dvc repro` says it ran."""
    return {line.split("'")[1] for line in printed.splitlines() if line.startswith("Running stage ")}


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
    """Another folder without a cache gives the same dvc.lock, metrics and plots."""
    other = make_project(tmp_path / "other")
    assert ran(run("dvc", "repro", at=other)) == ALL
    assert (other / "dvc.lock").read_text() == (project / "dvc.lock").read_text()
    written = [
        name for name in run("git", "ls-files", at=project).splitlines() if name.startswith(("metrics", "plots"))
    ]
    assert written
    for name in written:
        assert (other / name).read_bytes() == (project / name).read_bytes(), name


def test_opened_files_are_declared(project: Path) -> None:
    """A stage reads data that it declares as deps, writes what it declares as outs, and nothing else."""
    opened: dict[str, dict[str, set[str]]] = {}
    for line in (project / ".dvc" / "tmp" / "opened.txt").read_text().splitlines():
        command, mode, path = line.split("\t")
        final = re.sub(r"\.([^/]+)\.writing(\.keras)?", r"\1", path)  # the temporary name, before it is renamed
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
def scratch(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the small project whose parameters the tests change and put back."""
    return shutil.copytree(project, tmp_path_factory.mktemp("scratch") / "project", symlinks=True)


@pytest.mark.parametrize(("name", "value", "readers"), READERS, ids=[name for name, _, _ in READERS])
def test_a_parameter_reaches_its_readers_only(
    scratch: Path, name: str, value: object, readers: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changing a parameter makes DVC see a change in the stages that read it, and in no other."""
    monkeypatch.chdir(scratch)  # DVC names stages from where it stands
    before = (scratch / "params.yaml").read_text()
    set_params(scratch, {name: value})
    try:
        assert set(Repo().status()) == readers
    finally:
        (scratch / "params.yaml").write_text(before)


def test_the_table_of_parameters_is_complete() -> None:
    """Every parameter has a line in the table above."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    names = {f"{key}.{inner}" for key, value in params.items() if isinstance(value, dict) for inner in value}
    names |= {key for key, value in params.items() if not isinstance(value, dict)}
    assert {name for name, _, _ in READERS} == names


def test_retraining_longer_reruns_what_depends_on_it(workspace: Path) -> None:
    """`retrain.epochs` reruns the robust model, its evaluation and the summary; a bare clone shows the difference."""
    set_params(workspace, {"retrain.epochs": 2})
    assert ran(run("dvc", "repro", at=workspace)) == {"train_robust", "evaluate@robust", "summarize"}
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
    """`craft.eps` leaves data, baseline and hardened model alone; going back takes everything from the cache."""
    old = (workspace / "params.yaml").read_text()
    set_params(workspace, {"craft.eps": 0.3})
    assert ran(run("dvc", "repro", at=workspace)) == ALL - {"fetch", "normalize", "train_baseline", "train_hardened"}
    (workspace / "params.yaml").write_text(old)
    assert ran(run("dvc", "repro", at=workspace)) == {"summarize"}  # draws again: its plots are in git, not the cache
    assert run("git", "status", "--porcelain", at=workspace) == ""


@pytest.mark.parametrize(
    ("values", "stage", "message"),
    [
        ({"craft.eps": -1}, "craft", "params.yaml: craft.eps: expected greater than 0, got -1"),
        ({"craft.epz": 0.1}, "craft", "params.yaml: craft.epz is not a parameter; did you mean eps?"),
        ({"train.architecture": "perceptron"}, "train_baseline", "train.architecture: expected 'one_convolution'"),
        ({"train.depth": 3}, "train_baseline", "train.depth: expected null, because one_convolution has kernel_size"),
        ({"data.sha256": "0" * 64}, "fetch", "data.sha256: digits has its checksums built in"),
        ({"data.source": "nowhere.npz"}, "fetch", "data.source: expected digits, mnist, fashion_mnist, a URL, or"),
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


def test_a_remote_shares_results(project: Path, tmp_path: Path) -> None:
    """What one clone pushes to a remote, another pulls: nothing has to run there."""
    remote = tmp_path / "remote"
    run("dvc", "remote", "add", "--local", "--default", "shared", str(remote), at=project)
    run("dvc", "push", at=project)
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", str(project), str(clone), at=tmp_path)
    run("dvc", "remote", "add", "--local", "--default", "shared", str(remote), at=clone)
    run("dvc", "pull", at=clone)
    assert ran(run("dvc", "repro", at=clone)) == set()
