"""The stage that hardens, killed for real in the middle: it goes on where it was, and ends in the same bytes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from robust_digits import tables
from robust_digits.data import images
from robust_digits.data.images import ImageSet

pytestmark = pytest.mark.slow


ROOT = Path(__file__).parents[2]
EPOCHS, KILLED = 25, 3  # the rest takes seconds: enough for the kill to arrive
OUTPUTS = ("hardened.keras", "hardened.csv")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with small image sets and a recipe for a network with dropout, whose random state counts too."""
    folder = tmp_path_factory.mktemp("project")
    generator = np.random.default_rng(0)
    for name, count in (("train", 240), ("validation", 40)):
        labels = np.arange(count) % 3
        pixels = generator.uniform(0, 0.4, (count, 8, 8, 1)) + 0.3 * labels[:, None, None, None]
        images.save(folder / name, [ImageSet(pixels.clip(0, 1).astype(np.float32), labels)], count=count)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["harden"] |= {
        "method": "pgd",
        "weight": None,
        "architecture": "one_convolution",
        "width": None,
        "eps": 0.1,
        "steps": 3,
        "epochs": EPOCHS,
        "batch_size": 8,
        "patience": None,
        "allow_collapse": True,
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return folder


def start(project: Path, out: str, *, cache: Path) -> subprocess.Popen[str]:
    """Start the stage; its outputs go to a folder of the project."""
    outputs = [f"{out}/{name}" for name in OUTPUTS]
    return subprocess.Popen(
        [sys.executable, "-m", "stages.train_hardened", "train", "validation", *outputs],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines(running: subprocess.Popen[str]) -> list[str]:
    """Return what a stage prints below the network that it trains; it must end well, and quietly."""
    printed, errors = running.communicate(timeout=300)
    assert (running.returncode, errors) == (0, "")
    _, size, rest = printed.partition("Non-trainable params:")
    assert size, "the network and its number of weights stand where training starts"
    return rest.splitlines()[1:]


@pytest.fixture(scope="module")
def printed(project: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return what the stage prints that trained to the end, into `whole`, beside another one that wrote `other`."""
    cache = tmp_path_factory.mktemp("cache")
    one, other = (lines(each) for each in [start(project, out, cache=cache) for out in ("whole", "other")])
    assert one[:-1] == other[:-1], "the last line says how long it took"
    assert kept(cache) == ["seconds"], "no state and nothing half-written is left"
    return one


def kept(cache: Path) -> list[str]:
    """Return the folders of the user's cache that hold files, one for each file."""
    return [path.parent.name for path in (cache / "robust-digits").rglob("*") if path.is_file()]


@pytest.mark.fault("recovered")
def test_a_killed_stage_resumes_to_the_same_bytes(project: Path, printed: list[str], tmp_path: Path) -> None:
    """Killed after some epochs and started again, the stage says where it goes on; model and history are the same."""
    killed = start(project, "resumed", cache=tmp_path)
    assert killed.stdout
    assert killed.stderr
    with killed.stdout, killed.stderr:
        assert any(line.startswith(f"epoch {KILLED}: ") for line in killed.stdout)
        killed.send_signal(signal.SIGKILL)
        assert killed.wait(timeout=60) == -signal.SIGKILL
    assert not (project / "resumed").exists(), "half a training leaves no output"
    first, *rest = lines(start(project, "resumed", cache=tmp_path))
    done = int(first.removeprefix("resumed after epoch ").removesuffix(f" of {EPOCHS}"))
    assert KILLED - 1 <= done < EPOCHS
    assert rest[:-1] == printed[done:-1]
    for name in OUTPUTS:
        assert (project / "resumed" / name).read_bytes() == (project / "whole" / name).read_bytes(), name
    assert len(tables.read(project / "whole" / "hardened.csv")) == EPOCHS
    assert kept(tmp_path) == ["seconds"], "the state of a training that has ended is forgotten"


@pytest.mark.fault("recovered")
def test_two_at_once_end_in_the_same_bytes(project: Path, printed: list[str]) -> None:
    """The same hardening side by side in two workspaces, which share the user's cache: neither disturbs the other."""
    assert printed[-1].startswith("kept epoch")
    for name in OUTPUTS:
        one, other = ((project / out / name).read_bytes() for out in ("whole", "other"))
        assert one == other, name
