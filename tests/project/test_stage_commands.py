"""The stages as commands: their help, their refusals, and what they load."""

import re
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from support.scripts import STAGES, arguments_of, copy_stages, put_params, refusal, run_stage

from robust_digits import command
from robust_digits.data import images

pytestmark = pytest.mark.slow


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


def test_the_light_stages_are_light_and_quiet(tmp_path: Path) -> None:
    """Fetching, normalizing and augmenting load neither TensorFlow, Keras, ART nor matplotlib; a result ends each.

    Nor does the check of what all other stages read.
    """
    shares = {"test": 0.2, "validation": 0.1, "label_noise": 0}
    copy_stages(tmp_path)
    put_params(tmp_path, seed=0, data={"source": "digits", "sha256": None, "image_size": 28, **shares})
    normalized = tmp_path / "normalized"
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "fgm").symlink_to(normalized / "test")
    runs = {
        "fetch": run_stage("fetch", "raw", folder=tmp_path),
        "normalize": run_stage("normalize", "raw", "normalized", folder=tmp_path),
        "augment": run_stage("augment", normalized / "train", tmp_path / "sets", "augmented", folder=tmp_path),
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
    train, test, augmented = map(images.load, (normalized / "train", normalized / "test", tmp_path / "augmented"))
    np.testing.assert_array_equal(augmented.images, np.concatenate([train.images, test.images]))
    np.testing.assert_array_equal(augmented.labels, np.concatenate([train.labels, test.labels]))
