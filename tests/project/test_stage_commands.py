"""The stages as commands: their help, their refusals, and what they load."""

import inspect
import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import yaml

from robust_digits import command
from robust_digits.data import images

pytestmark = pytest.mark.slow


ROOT = Path(__file__).parents[2]
STAGES = sorted(script.stem for script in (ROOT / "stages").glob("*.py"))

# Runs a stage as `python -m` does, and prints which of the slow libraries it has loaded, however it ends.
LOADED = """
import atexit, runpy, sys
slow = ("tensorflow", "keras", "art", "matplotlib", "sklearn")
atexit.register(lambda: print("loaded:", *(name for name in slow if name in sys.modules)))
sys.argv.pop(0)
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def python(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with this project's modules at hand."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def run_stage(stage: str, *arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a stage; the last line that it prints says which slow libraries it has loaded."""
    return python("-c", LOADED, f"stages.{stage}", *map(str, arguments), folder=folder)


def put_params(folder: Path, **changed: object) -> None:
    """Write params.yaml as in this repository, but for some values; `...` leaves a key out, `__` stands for a point."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for key, value in changed.items():
        *section, name = key.split("__")
        mapping = params[section[0]] if section else params
        mapping[name] = value
        if value is ...:
            del mapping[name]
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def arguments_of(stage: str) -> list[str]:
    """Return the names of a stage's arguments."""
    return list(inspect.signature(import_module(f"stages.{stage}").main).parameters)[1:]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder that holds the stages, as the project's own does; the others here hold params.yaml alone."""
    shutil.copytree(ROOT / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


# Stages as commands


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_says_what_it_is_for(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--help` works anywhere, and has what the stage does, what its paths are, and where its parameters come from."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [stage, "--help"])
    with pytest.raises(SystemExit) as ended:
        command.run(import_module(f"stages.{stage}").main)
    shown = capsys.readouterr()
    assert (ended.value.code, shown.err) == (0, "")
    usage, _, explained = shown.out.partition("\n\n")
    assert usage.split()[:4] == ["usage:", "python", "-m", f"stages.{stage}"]
    documented = import_module(f"stages.{stage}").__doc__
    assert documented
    assert explained.startswith(documented)
    assert "params.yaml in the current folder" in explained
    for name in arguments_of(stage):
        assert name in usage.split()
        assert re.search(rf"\n  {name} +\w+", explained)


# For every stage with parameters: some that are misspelt, missing, mistyped or out of range, and what is said of each.
FAULTS: dict[str, tuple[dict[str, object], list[str]]] = {
    "fetch": (
        {"data__sha256": 5, "data__source": ..., "data__sorce": "digits"},
        [
            "data.sha256: expected a valid string, got 5",
            "data.sorce is not a parameter; did you mean source?",
            "data.source is missing",
        ],
    ),
    "normalize": (
        {"seed": ..., "data__image_size": 28.0, "data__label_noise": -1, "data__test": 1.0, "data__validaton": 0.1},
        [
            "data.image_size: expected a valid integer, got 28.0",
            "data.label_noise: expected greater than or equal to 0, got -1",
            "data.test: expected less than 1, got 1.0",
            "data.validaton is not a parameter; did you mean validation?",
            "seed is missing",
        ],
    ),
    "train_baseline": (
        {
            "train__optimizer": ...,
            "train__learning_rate": "fast",
            "train__epochs": 0,
            "train__batchsize": 32,
            "train__architecture": "cnn",
            "train__depth": 0,
            "train__dropout": 1.0,
            "train__loss": "hinge",
            "train__augmentation": {"rotation": 90, "shift": 0.1, "sheer": 1, "zoom": 0},
        },
        [
            "train.architecture: expected 'one_convolution', 'two_convolutions', 'two_wide_convolutions', ",
            "train.augmentation.rotation: expected less than 90, got 90",
            "train.augmentation.shear is missing",
            "train.augmentation.sheer is not a parameter; did you mean shear?",
            "train.batchsize is not a parameter; did you mean batch_size?",
            "train.depth: expected greater than or equal to 1, got 0",
            "train.dropout: expected less than 1, got 1.0",
            "train.epochs: expected greater than or equal to 1, got 0",
            "train.learning_rate: expected a valid number, got 'fast'",
            "train.loss: expected 'categorical_crossentropy', 'binary_crossentropy', 'mean_squared_error', ",
            "train.optimizer is missing",
        ],
    ),
    "craft": (
        {
            "craft__fraction": ...,
            "craft__norm": "max",
            "craft__eps": -1,
            "craft__esp": 0.1,
            "craft__attacks": {"pdg": {}, "transfer": {}, "bim": {"steps": 0}},
        },
        [
            "craft.attacks.bim.steps: expected greater than or equal to 1, got 0",
            "craft.attacks.fgm is missing",
            "craft.attacks.pdg is not a parameter; did you mean pgd?",
            "craft.attacks.transfer is not a parameter; legal here: ",
            "craft.eps: expected greater than 0, got -1",
            "craft.esp is not a parameter; did you mean eps?",
            "craft.fraction is missing",
            "craft.norm: expected 'inf', 1 or 2, got 'max'",
        ],
    ),
    "augment": (
        {"craft__attacks": {"fgm": {}, "pgd": {}}, "augment__attacks": {"fgm": 1.5, "bmi": 1.0}},
        [
            "augment.attacks.bmi is not a parameter; did you mean bim?",
            "augment.attacks.fgm: expected less than or equal to 1, got 1.5",
            "craft.attacks.pgd.restarts is missing",
            "craft.attacks.pgd.steps is missing",
        ],
    ),
    "train_robust": (
        {"retrain__optimizer": ..., "retrain__init": "zero", "retrain__epochs": True, "retrain__epoch": 3, "seed": -1},
        [
            "retrain.epoch is not a parameter; did you mean epochs?",
            "retrain.epochs: expected a valid integer, got True",
            "retrain.init: expected 'baseline' or 'scratch', got 'zero'",
            "retrain.optimizer is missing",
            "seed: expected greater than or equal to 0, got -1",
        ],
    ),
    "train_hardened": (
        {
            "seed": 2**32,
            "harden__method": "madry",
            "harden__eps": ...,
            "harden__esp": 0.1,
            "harden__epochs": 0,
            "harden__schedule": [[0.5, 1.0], [0.2, 0.0]],
        },
        [
            "harden.epochs: expected greater than or equal to 1, got 0",
            "harden.eps is missing",
            "harden.esp is not a parameter; did you mean eps?",
            "harden.method: expected 'pgd', ",
            "harden.schedule: expected shares of the run in ascending order, got [[0.5, 1.0], [0.2, 0.0]]",
            "seed: expected less than 4294967296, got 4294967296",
        ],
    ),
    "summarize": (
        {"models": ["baseline", "Robust", "baseline"]},
        ["models.1: expected a name that matches '^[a-z][a-z0-9_]*$', got 'Robust'"],
    ),
    "detect": (
        {
            "detect__samples": 0,
            "detect__detectors": {"squezing": {"bits": 1, "median": 2}, "mahalanobis": None},
            "detect__evasion": {"steps": 100, "starts": 1, "weights": [0.0]},
            "detect__detector": 1,
        },
        [
            "detect.detector is not a parameter; did you mean detectors?",
            "detect.detectors.mahalanobis: expected settings, got None",
            "detect.detectors.squezing is not a parameter; did you mean squeezing?",
            "detect.evasion.weights.0: expected greater than 0, got 0.0",
            "detect.samples: expected greater than or equal to 1, got 0",
        ],
    ),
    "score_detectors": (
        {"detect__false_alarms": [0.05, 1.0, 0.0], "craft__eps": ...},
        [
            "craft.eps is missing",
            "detect.false_alarms.1: expected less than 1, got 1.0",
            "detect.false_alarms.2: expected greater than 0, got 0.0",
        ],
    ),
    "evaluate": (
        {
            "threads": "two",
            "seed": ...,
            "craft__norm": 3,
            "craft__epsilon": 0.2,
            "evaluate__eps": float("nan"),
            "evaluate__attacks": {"pdg": {}, "square": {"queries": 0}},
        },
        [
            "craft.epsilon is not a parameter; did you mean eps?",
            "craft.norm: expected 'inf', 1 or 2, got 3",
            "evaluate.attacks.pdg is not a parameter; did you mean pgd?",
            "evaluate.attacks.square.queries: expected greater than or equal to 1, got 0",
            "evaluate.eps: expected a finite number, got nan",
            "seed is missing",
            "threads: expected a valid integer, got 'two'",
        ],
    ),
}


def refusal(stage: str, folder: Path) -> list[str]:
    """Run a stage that must end before TensorFlow is loaded or anything is written; return what it says, in lines."""
    before = sorted(folder.iterdir())
    ended = run_stage(stage, *arguments_of(stage), folder=folder)
    assert ended.returncode == 2
    assert ended.stdout.startswith("loaded:")
    assert "tensorflow" not in ended.stdout.split()
    assert sorted(folder.iterdir()) == before
    assert ended.stderr.startswith(f"{stage}: ")
    return ended.stderr.removeprefix(f"{stage}: ").splitlines()


@pytest.mark.parametrize("stage", FAULTS)
def test_wrong_parameters_end_a_stage_at_once(tmp_path: Path, stage: str) -> None:
    """Each fault is one line and there is nothing else; the exit code is 2, and TensorFlow is not loaded for it."""
    faults, said = FAULTS[stage]
    put_params(tmp_path, **faults)
    lines = sorted(refusal(stage, tmp_path))
    assert len(lines) == len(said)
    for line, words in zip(lines, said, strict=True):
        assert line.startswith(f"params.yaml: {words}")


def test_every_stage_with_parameters_is_tried() -> None:
    """A new stage does not escape the test above."""
    assert set(FAULTS) == {stage for stage in STAGES if import_module(f"stages.{stage}").Params.model_fields}


@pytest.mark.parametrize("stage", ["fetch", "train_baseline"])
def test_one_wrong_parameter_is_one_line(tmp_path: Path, stage: str) -> None:
    """The line has the stage, the file, the key, what is legal and what was given; alone, a stage minds its keys."""
    put_params(tmp_path, data__source=5, data__test=5, train__epochs=0)
    assert (
        refusal(stage, tmp_path)
        == {
            "fetch": ["params.yaml: data.source: expected a valid string, got 5"],
            "train_baseline": ["params.yaml: train.epochs: expected greater than or equal to 1, got 0"],
        }[stage]
    )


@pytest.mark.parametrize("stage", ["fetch", "evaluate", "summarize"])
def test_whichever_stage_runs_first_checks_every_parameter(project: Path, stage: str) -> None:
    """In the project, a mistake that several stages would find is said once, by the first, whatever it reads itself."""
    put_params(project, seed=-1, harden__method="pdg", craft__epz=0.1)
    assert sorted(refusal(stage, project)) == [
        "params.yaml: craft.epz is not a parameter; did you mean eps? legal here: attacks, eps, fraction, norm",
        "params.yaml: harden.method: expected 'pgd', 'fast', 'trades', 'ibp' or 'mixed', got 'pdg'",
        "params.yaml: seed: expected greater than or equal to 0, got -1",
    ]


@pytest.mark.parametrize("stage", ["augment", "evaluate"])
def test_a_stage_without_params_yaml_says_where_to_run(tmp_path: Path, stage: str) -> None:
    """In another folder than the project's, a stage says what it misses, even if it reads no key of it."""
    assert refusal(stage, tmp_path) == ["params.yaml: no such file; run from the folder that holds it"]


@pytest.mark.parametrize(
    ("stage", "arguments", "words"),
    [
        ("normalize", ["none", "out"], f"{Path('none', 'digits.csv.gz')}: No such file or directory"),
        ("augment", ["none", "none", "out"], f"{Path('none', 'fgm', 'images.npy')}: no such file; `dvc repro`"),
        (
            "summarize",
            ["none", "none", "none", "none", "none", "out", "checks", "baseline"],
            f"{Path('none', 'images.npy')}: no such file",
        ),
    ],
)
def test_a_missing_input_is_one_line(tmp_path: Path, stage: str, arguments: list[str], words: str) -> None:
    """The message has the path, and nothing is written."""
    put_params(tmp_path, data__source="digits")
    ended = run_stage(stage, *arguments, folder=tmp_path)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"{stage}: {words}")
    assert [file.name for file in tmp_path.iterdir()] == ["params.yaml"]


@pytest.mark.parametrize("content", ["", "label,a,b,c,d\n0,0.5,0,0,0\n"])
def test_a_refusal_has_no_warnings_beside_it(tmp_path: Path, content: str) -> None:
    """What numpy warns of, an empty table or fractions, is in the message and not printed again."""
    put_params(tmp_path, data__source="digits.csv")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "digits.csv").write_text(content, encoding="utf-8")
    ended = run_stage("normalize", "raw", "out", folder=tmp_path)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"normalize: {Path('raw', 'digits.csv')}: expected ")


def test_a_stage_without_its_paths_says_which(tmp_path: Path) -> None:
    """A missing argument is argparse's own exit code, and its name."""
    put_params(tmp_path)
    ended = run_stage("augment", "train", folder=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].endswith("the following arguments are required: adversarial, augmented")


def test_the_light_stages_are_light_and_quiet(project: Path) -> None:
    """Fetching, normalizing and augmenting load neither TensorFlow, Keras, ART nor matplotlib; a result ends each.

    Nor does the check of what all other stages read.
    """
    shares = {"test": 0.2, "validation": 0.1, "label_noise": 0}
    put_params(project, seed=0, data={"source": "digits", "sha256": None, "image_size": 28, **shares})
    normalized = project / "normalized"
    (project / "sets").mkdir()
    (project / "sets" / "fgm").symlink_to(normalized / "test")
    runs = {
        "fetch": run_stage("fetch", "raw", folder=project),
        "normalize": run_stage("normalize", "raw", "normalized", folder=project),
        "augment": run_stage("augment", normalized / "train", project / "sets", "augmented", folder=project),
    }
    assert {stage: (ended.returncode, ended.stderr) for stage, ended in runs.items()} == dict.fromkeys(runs, (0, ""))
    printed = {stage: ended.stdout.splitlines() for stage, ended in runs.items()}
    assert {stage: lines[-1] for stage, lines in printed.items()} == {
        "fetch": "loaded:",
        "normalize": "loaded: sklearn",
        "augment": "loaded:",
    }
    assert [printed[stage][-2] for stage in runs] == [
        "digits: digits.csv.gz -> raw",
        "10 classes, 28x28 pixels: 1294 training, 144 validation, 359 test images -> normalized",
        "1294 clean, 359 fgm images -> augmented",
    ]
    assert printed["normalize"][0] == "resized from 8x8 to 28x28 pixels"
    train, test, augmented = map(images.load, (normalized / "train", normalized / "test", project / "augmented"))
    np.testing.assert_array_equal(augmented.images, np.concatenate([train.images, test.images]))
    np.testing.assert_array_equal(augmented.labels, np.concatenate([train.labels, test.labels]))
