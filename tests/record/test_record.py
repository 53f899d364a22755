"""Results are kept with what made them: command, commit, machine, versions, parameters."""

import json
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.api import DVCFileSystem
from dvc.repo import Repo

from robust_digits.errors import InputError
from robust_digits.history import revisions
from robust_digits.judge import checks
from robust_digits.judge.checks import Check
from robust_digits.judge.scoring import interval
from robust_digits.record import machine, record
from robust_digits.record.record import _page, commit

ROOT = Path(__file__).parents[2]
SHARES: dict[str, float | None] = {"clean": 0.9, "fgm_transfer": 0.8, "fgm_white_box": 0.2, "worst_case": 0.1}
METRICS: dict[str, dict[str, float | None]] = {"accuracy": SHARES, "certified": {"accuracy": None}}
DETAILS: dict[str, Any] = {
    f"{group}.{name}": {
        "images": 100,
        "norm": "inf",
        "eps": 0.5 if name.startswith("fgm") else 0.3,
        "settings": {},
        "interval": None if share is None else interval(round(share * 100), 100),
    }
    for group, named in METRICS.items()
    for name, share in named.items()
}
MD5 = {model: digit * 32 for model, digit in {"baseline": "a", "robust": "b", "hardened": "c"}.items()}
LOCK: dict[str, Any] = {
    "schema": "2.0",
    "stages": {
        "normalize": {"cmd": "-", "outs": [{"path": "data/normalized/train", "md5": "0.dir"}]},
        **{
            f"train_{model}": {
                "cmd": "-",
                "outs": [
                    {"path": f"data/histories/{model}.csv", "md5": "1"},
                    {"path": f"models/{model}.keras", "md5": md5},
                ],
            }
            for model, md5 in MD5.items()
        },
        **{
            f"evaluate@{model}": {"cmd": "-", "outs": [{"path": f"data/evidence/{model}.npz", "md5": f"e{md5}"}]}
            for model, md5 in MD5.items()
        },
    },
}
PARAMS: dict[str, Any] = {
    "models": ["baseline", "robust", "hardened"],
    "data": {"source": "mnist.npz", "sha256": "5bbdec88"},
    "craft": {"norm": "inf", "eps": 0.5},
    "evaluate": {"eps": 0.3, "attacks": {"noise": {"draws": 10}, "pgd": {"steps": 40, "restarts": 3}}},
}


def git(*arguments: str) -> None:
    """Run git in the current folder as somebody."""
    somebody = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", *somebody, *arguments], check=True, capture_output=True)


@pytest.fixture(autouse=True)
def revision(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Show DVC's view of a revision, and keep the user's cache out; return the folder of the known times."""
    monkeypatch.setattr(record, "DVCFileSystem", Experiment)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    known = tmp_path / "cache" / "robust-digits" / "seconds"
    known.mkdir(parents=True)
    return known


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with a commit, which is the current folder."""
    repository = tmp_path / "repository"
    for name in ("robust_digits/package.py", "stages/stage.py", "dvc.yaml", "params.yaml", "README.md"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).touch()
    monkeypatch.chdir(repository)
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "Begin")
    return repository


def results(folder: Path, *, red: bool = False) -> Path:
    """Write the metrics of an experiment into a folder: one model, two checks."""
    (folder / "metrics" / "details").mkdir(parents=True)
    (folder / "metrics" / "details" / "baseline.json").write_text(json.dumps(DETAILS), encoding="utf-8")
    (folder / "metrics" / "baseline.json").write_text(json.dumps(METRICS), encoding="utf-8")
    table = {"logits": Check("share of probabilities", 0.0, 0.01), "unbounded": Check("left over", 0.5 * red, 0.02)}
    checks.save(folder / "metrics" / "sanity.json", {"baseline": table})
    return folder


@pytest.mark.usefixtures("repository")
def test_page_says_what_made_the_results(tmp_path: Path, revision: Path) -> None:
    """The page names the command, commit, data, machine and versions, and has the table and the pictures."""
    (revision / f"{MD5['baseline']}.txt").write_text("8.4\n", encoding="utf-8")
    page = _page("HEAD", "mnist", results(tmp_path / "results"), PARAMS, command="make mnist DATA=mnist.npz")
    assert page.startswith("# Results: mnist\n\nMade by `make mnist DATA=mnist.npz` at commit `")
    assert f"at commit `{commit('HEAD')}`, with the parameters in [params.yaml](params.yaml)." in page
    assert "\n- data: `mnist.npz`, SHA-256 `5bbdec88`\n" in page
    assert f"\n- machine: {machine.name()}\n" in page
    for package in ("tensorflow", "keras", "numpy", "adversarial-robustness-toolbox", "dvc"):
        assert f"{package} {version(package)}" in page
    assert (
        "\n| baseline | 90.0% (82.6 to 94.5) | 80.0% (71.1 to 86.7) | 20.0% (13.3 to 28.9) | 10.0% (5.5 to 17.4) "
        "| unknown |\n<!-- end -->\n" in page
    )
    said = " ".join(page.split())
    assert (
        "FGM has Linf size 0.5; *transfer* is crafted against the baseline, *white-box* against the model itself"
        in said
    )
    assert "The worst case is over noise, PGD, all within L-infinity 0.3." in said
    assert "\n2 of 2 checks of the evaluation are green (metrics/sanity.json).\n\n" in page
    assert set(re.findall(r"\]\((.*?)\)", page)) == {
        "params.yaml",
        "metrics",
        "pictures",
        "pictures/accuracies.png",
        "pictures/security.png",
        "pictures/bracket.png",
        "pictures/attack_hardened.png",
        "pictures/mistakes_hardened.png",
    }


@pytest.mark.usefixtures("repository")
def test_page_says_how_long_it_took(tmp_path: Path, revision: Path) -> None:
    """Each model has the seconds that its training and its evaluation took here, or was worked on elsewhere."""
    (revision / f"{MD5['baseline']}.txt").write_text("8.4\n", encoding="utf-8")
    (revision / f"{MD5['hardened']}.txt").write_text("116.5\n", encoding="utf-8")
    (revision / f"e{MD5['robust']}.txt").write_text("61.0\n", encoding="utf-8")
    page = _page("HEAD", "mnist", results(tmp_path / "results"), PARAMS, command="make mnist")
    assert "\n- training: baseline 8 s, hardened 116 s, robust at another time and place\n" in page
    elsewhere = "at another time and place"
    assert f"\n- evaluation: baseline {elsewhere}, hardened {elsewhere}, robust 61 s\n" in page


@pytest.mark.usefixtures("repository")
def test_page_of_results_that_were_made_elsewhere(tmp_path: Path) -> None:
    """Where this machine made none of the outputs, neither it nor its versions are said to have."""
    page = _page("HEAD", "mnist", results(tmp_path / "results"), PARAMS, command="make mnist")
    assert f"\n- machine: {machine.UNKNOWN}\n" in page
    assert f"\n- versions: {machine.UNKNOWN}\n" in page
    assert machine.name() not in page


@pytest.mark.usefixtures("repository")
def test_page_of_an_experiment_without_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that an experiment did not train has no time."""
    stages = {name: stage for name, stage in LOCK["stages"].items() if name != "train_hardened"}
    monkeypatch.setitem(LOCK, "stages", stages)
    page = _page("HEAD", "mnist", results(tmp_path / "results"), PARAMS, command="make mnist")
    assert "\n- training: baseline at another time and place, robust at another time and place\n" in page


@pytest.mark.usefixtures("repository")
def test_page_of_data_without_a_checksum(tmp_path: Path) -> None:
    """Where the data need no checksum of their own, none is shown."""
    params = {**PARAMS, "data": {"source": "digits", "sha256": None}}
    page = _page("HEAD", "digits", results(tmp_path / "results"), params, command="make repro")
    assert "\n- data: `digits`\n" in page
    assert "SHA" not in page


@pytest.mark.usefixtures("repository")
def test_page_lists_what_is_red(tmp_path: Path) -> None:
    """A check that failed stands on the page, with what was measured and the bound."""
    page = _page("HEAD", "mnist", results(tmp_path / "results", red=True), PARAMS, command="make mnist")
    assert "\n1 of 2 checks of the evaluation are green (metrics/sanity.json).\n" in page
    assert "\n- baseline, unbounded: left over: 0.5, at most 0.02\n" in page
    assert "- baseline, logits" not in page


@pytest.mark.parametrize(
    ("changed", "suffix"),
    [
        (None, ""),
        ("README.md", ""),
        ("params.yaml", ""),  # an experiment is about its parameters, which are recorded beside it
        ("robust_digits/package.py", " with uncommitted changes"),
        ("stages/stage.py", " with uncommitted changes"),
        ("dvc.yaml", " with uncommitted changes"),
    ],
)
def test_an_experiment_owns_up_to_changes(changed: str | None, suffix: str, repository: Path) -> None:
    """The commit of an experiment is the one it started from, and says when the code that ran was another."""
    start = commit("HEAD")
    if changed:
        (repository / changed).write_text("changed", encoding="utf-8")
    git("commit", "--quiet", "--all", "--allow-empty", "--message", "what DVC stores of an experiment")
    git("update-ref", "refs/exps/ab/cdef/mine", "HEAD")
    git("reset", "--quiet", "--hard", "HEAD^")
    assert re.fullmatch(r"[0-9a-f]{12}", start)
    assert commit("mine") == start + suffix


def experiment(readme: str, *baselines: str) -> str:
    """Store an experiment, called mine, below baselines; return the commit that it was started from."""
    Path("README.md").write_text(readme, encoding="utf-8")
    git("commit", "--quiet", "--all", "--allow-empty", "--message", "where it starts")
    start = commit("HEAD")
    git("commit", "--quiet", "--allow-empty", "--message", "what DVC stores of an experiment")
    for baseline in baselines or [revisions.repository().commit("HEAD^")]:
        git("update-ref", f"refs/exps/{baseline[:2]}/{baseline[2:]}/mine", "HEAD")
    git("reset", "--quiet", "--hard", "HEAD^")
    return start


@pytest.mark.usefixtures("repository")
def test_of_experiments_of_one_name_dvc_says_which() -> None:
    """It takes the one that was started from HEAD, wherever git lists it, and its files and its commit are of one."""
    Repo.init().close()
    git("add", ".dvc")
    experiment("of others", "0" * 40, "f" * 40)
    start = experiment("of HEAD")
    assert commit("mine") == start
    assert DVCFileSystem(rev="mine").read_text("README.md") == "of HEAD"


@pytest.mark.usefixtures("repository")
def test_a_name_of_several_experiments_is_refused() -> None:
    """Where none of them was started from HEAD, one line lists their full names, each of which can be given."""
    start = experiment("of others", "0" * 40, "f" * 40)
    names = [f"refs/exps/{digit * 2}/{digit * 38}/mine" for digit in "0f"]
    with pytest.raises(InputError, match=f"^mine: expected the name of one experiment, got {', '.join(names)}$"):
        commit("mine")
    assert [commit(name) for name in names] == [start, start]


@pytest.mark.usefixtures("repository")
def test_a_branch_of_the_name_comes_first() -> None:
    """DVC takes a branch, and so its files, before an experiment."""
    start = commit("HEAD")
    git("branch", "mine")
    experiment("of HEAD")
    assert commit("mine") == start


class Experiment:
    """What DVC shows of a revision: metrics, pictures and parameters."""

    def __init__(self, rev: str) -> None:
        self.rev = rev

    def exists(self, path: str) -> bool:
        """Return whether the revision has a file or folder."""
        return path in ("metrics", "plots/pictures")

    def get(self, source: str, target: str, *, recursive: bool) -> None:
        """Copy a folder of the revision."""
        assert recursive
        if source == "metrics":
            results(Path(target).parent)
        else:
            Path(target).mkdir()
            (Path(target) / "accuracies.png").write_text(f"{source} of {self.rev}", encoding="utf-8")

    def read_text(self, path: str) -> str:
        """Return the parameters or the lock of the revision."""
        params = {**PARAMS, "data": {"source": "/home/somebody/mnist.npz", "sha256": None}}
        rate = "train: {learning_rate: 1e-3}\n" if path == "params.yaml" else ""
        return yaml.safe_dump({"params.yaml": params, "dvc.lock": LOCK}[path]) + rate


@pytest.mark.usefixtures("repository")
def test_record_replaces_the_folder(tmp_path: Path) -> None:
    """The folder holds the experiment's metrics, pictures and parameters and a page, and nothing of before."""
    folder = tmp_path / "docs" / "results" / "mnist"
    folder.mkdir(parents=True)
    (folder / "stale.md").touch()
    record.record("HEAD", folder, command="make mnist")
    assert {path.name for path in folder.iterdir()} == {
        "README.md",
        "evaluation.json",
        "metrics",
        "params.yaml",
        "pictures",
        "training.json",
    }
    assert json.loads((folder / "metrics" / "baseline.json").read_bytes()) == METRICS
    assert (folder / "pictures" / "accuracies.png").read_text(encoding="utf-8") == "plots/pictures of HEAD"
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    assert params["data"]["source"] == "mnist.npz", "the path is this machine's"
    assert params["train"] == {"learning_rate": 0.001}, "a number, as DVC reads it"
    assert list(params) == [*sorted(PARAMS), "train"]
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert page.startswith("# Results: mnist\n")
    assert "/home/somebody" not in page
    assert [path.name for path in folder.parent.iterdir()] == ["mnist"]


@pytest.mark.usefixtures("repository")
def test_a_failed_record_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the experiment cannot be read, what was recorded before stays."""

    def unreadable(self: Experiment, path: str) -> str:
        raise FileNotFoundError(self.rev, path)

    monkeypatch.setattr(Experiment, "read_text", unreadable)
    folder = tmp_path / "results" / "mnist"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("before", encoding="utf-8")
    with pytest.raises(FileNotFoundError):
        record.record("HEAD", folder, command="make mnist")
    assert [path.name for path in folder.iterdir()] == ["README.md"]
    assert [path.name for path in folder.parent.iterdir()] == ["mnist"]
