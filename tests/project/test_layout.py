"""params.yaml and dvc.yaml are laid out as DVC writes them: what it changes in them is what a diff shows."""

import shutil
from difflib import ndiff
from pathlib import Path

import pytest
from dvc.repo import Repo
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import modify_yaml

from robust_digits.record import dependencies

ROOT = Path(__file__).parents[2]
STAGES = [  # these DVC writes
    stage.name
    for stage in Repo(str(ROOT)).index.stages
    if Path(stage.path) == ROOT / "dvc.yaml" and not stage.raw_data.parametrized
]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder, which is the current one, with the project's params.yaml and dvc.yaml, and no git."""
    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True)
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copyfile(ROOT / name, name)
    return tmp_path


def changed(path: Path) -> list[str]:
    """Return the lines of a file that are not those of the project's: `- old`, `+ new`."""
    before, after = ((folder / path.name).read_text(encoding="utf-8") for folder in (ROOT, path.parent))
    return [line.rstrip() for line in ndiff(before.splitlines(), after.splitlines()) if line.startswith(("-", "+"))]


@pytest.mark.parametrize("name", ["params.yaml", "dvc.yaml", "detection/dvc.yaml"])
def test_dvc_writes_the_same_bytes(workspace: Path, name: str) -> None:
    """Read and written by DVC with nothing changed, a file stays as it is."""
    (workspace / name).parent.mkdir(exist_ok=True)
    shutil.copyfile(ROOT / name, name)
    with modify_yaml(name):
        pass
    assert (workspace / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.parametrize(
    ("override", "lines"),
    [
        ("craft.eps=0.2", []),  # what it is: every list is written anew all the same
        ("craft.eps=0.1", ["-   eps: 0.2", "+   eps: 0.1"]),
        ("train.depth=2", ["-   depth:  ", "+   depth: 2"]),
        ("harden.ramp=[0.0,0.5]", ["-   - 0.3", "+   - 0.5"]),
        ("~evaluate.attacks.adaptive", ["-     adaptive:"]),
        ("+augment.attacks.bim=0.5", ["+     bim: 0.5"]),
    ],
)
def test_a_parameter_that_is_set_is_one_line(workspace: Path, override: str, lines: list[str]) -> None:
    """`dvc exp run --set-param` changes the line of the parameter, and leaves its comment."""
    apply_overrides("params.yaml", [override])
    found = changed(workspace / "params.yaml")
    assert len(found) == len(lines)
    assert all(line.startswith(start) for line, start in zip(found, lines, strict=True))
    assert len({line.partition("#")[2] for line in found}) <= 1


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_is_frozen_is_one_line(workspace: Path, stage: str) -> None:
    """`dvc freeze` adds its line, `dvc unfreeze` takes it away."""
    Repo().freeze(stage)
    assert changed(workspace / "dvc.yaml") == ["+     frozen: true"]
    Repo().unfreeze(stage)
    assert (workspace / "dvc.yaml").read_bytes() == (ROOT / "dvc.yaml").read_bytes()


def test_the_lists_of_code_are_mended_in_place(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make deps` writes a list of code anew, in the same order, and touches nothing else."""
    path = workspace / "dvc.yaml"
    with modify_yaml(str(path)) as pipeline:
        for name in ("fetch", "evaluate"):
            pipeline["stages"][name]["deps"] = [*reversed(pipeline["stages"][name]["deps"]), "stages/gone.py"]
    monkeypatch.chdir(ROOT)  # where the code is
    assert dependencies.write(path) == ["fetch", "evaluate"]
    assert path.read_bytes() == (ROOT / "dvc.yaml").read_bytes()
