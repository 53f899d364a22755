"""A training that diverges ends in the epoch in which it does, saves no model, and says what to lower."""

from collections.abc import Callable, Iterator
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.hardening import WEIGHTS, prepared, refusal
from support.striped import linear, striped

from robust_digits import runtime
from robust_digits.data import images
from robust_digits.errors import InputError
from robust_digits.learn import models, training
from robust_digits.learn.recipe import Method
from robust_digits.params import load
from robust_digits.runtime import tf
from stages import train_baseline, train_hardened, train_robust

pytestmark = [pytest.mark.usefixtures("tensorflow", "quickly"), pytest.mark.slow, pytest.mark.fault("refused")]

ROOT = Path(__file__).parents[2]
HUGE = 3e38  # a learning rate near the largest float32
STAGES: dict[str, Callable[..., None]] = {
    "train": train_baseline.main,
    "retrain": train_robust.main,
    "harden": train_hardened.main,
}


@pytest.fixture
def quickly() -> Iterator[None]:
    """Run without compiling, which takes longer than such a training."""
    tf.config.run_functions_eagerly(True)  # noqa: FBT003 (the name says it)
    yield
    tf.config.run_functions_eagerly(False)  # noqa: FBT003


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with image sets, a baseline, an earlier model, and parameters; it is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(runtime, "start", lambda **_: None)  # it has started
    for name, count in (("train", 10), ("validation", 6)):
        images.save(tmp_path / name, [striped(count)], count=count)
    models.save(linear(), tmp_path / "baseline.keras")
    (tmp_path / "model.keras").write_bytes(b"an earlier one")
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for section in STAGES:
        params[section] |= {"learning_rate": HUGE, "epochs": 3, "batch_size": 4}
    params["train"] |= {"architecture": "one_convolution", "depth": None, "width": None, "kernel_size": 3}
    params["harden"] |= {"architecture": "one_convolution", "width": None, "allow_collapse": True}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("section", STAGES)
def test_a_stage_saves_no_model_that_diverged(section: str, project: Path) -> None:
    """One line names the epoch and the parameter; the earlier model stays, and no history is written."""
    main = STAGES[section]
    inputs = [
        project / "train",
        project / "validation",
        *([project / "baseline.keras"] if section == "retrain" else []),
    ]
    with pytest.raises(InputError) as caught:
        main(load(main.__annotations__["params"]), *inputs, project / "model.keras", project / "history.csv")
    said = str(caught.value)
    assert said.startswith(f"{section}: diverged in epoch ")
    assert said.endswith(f"take a lower {section}.learning_rate")
    assert (project / "model.keras").read_bytes() == b"an earlier one"
    assert not (project / "history.csv").exists()
    assert not list(project.glob("cache/**/*.npz"))


@pytest.mark.parametrize("method", WEIGHTS)
def test_every_method_is_watched(method: Method, tmp_path: Path) -> None:
    """Whatever a network is hardened by, the first epoch without a finite loss is the last."""
    run = prepared(method=method, weight=WEIGHTS[method], learning_rate=HUGE)
    line = refusal(run, tmp_path / "state.npz")
    assert line.startswith(f"harden: diverged in epoch {len(run.history)}: a loss is no finite number")
    assert all(np.isfinite(astuple(epoch)).all() for epoch in run.history[:-1])


def test_a_weight_is_watched_too() -> None:
    """A weight may be infinite where the images do not ask it yet: the losses are finite, the model is none."""
    model = linear()
    epoch = training.Epoch(3, *[0.5] * 6)
    assert training.divergence(model, epoch, section="train") is None
    weights = model.get_weights()
    weights[1][0] = np.inf
    model.set_weights(weights)
    assert str(training.divergence(model, epoch, section="train")) == (
        "train: diverged in epoch 3: a weight is no finite number; take a lower train.learning_rate"
    )
