"""What a stage says of wrong parameters, and that it says it before anything slow is loaded."""

from importlib import import_module
from pathlib import Path

import pytest
from support.scripts import STAGES, copy_stages, put_params, refusal

pytestmark = pytest.mark.slow


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
def test_whichever_stage_runs_first_checks_every_parameter(tmp_path: Path, stage: str) -> None:
    """In the project, a mistake that several stages would find is said once, by the first, whatever it reads itself."""
    copy_stages(tmp_path)
    put_params(tmp_path, seed=-1, harden__method="pdg", craft__epz=0.1)
    assert sorted(refusal(stage, tmp_path)) == [
        "params.yaml: craft.epz is not a parameter; did you mean eps? legal here: attacks, eps, fraction, norm",
        "params.yaml: harden.method: expected 'pgd', 'fast', 'trades', 'ibp' or 'mixed', got 'pdg'",
        "params.yaml: seed: expected greater than or equal to 0, got -1",
    ]
