"""The command judges a model from a file and images from another, writes a folder, and ends as every command does."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robust_digits.attack import attacks
from robust_digits.attack.table import ATTACKS
from robust_digits.attack.target import Images, Target
from robust_digits.candidate import judge as command
from robust_digits.candidate.request import FILES, Request
from robust_digits.crew import keeper
from robust_digits.params import Section
from robust_digits.runtime import keras

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]

ROOT = Path(__file__).parents[2]
EPS = 0.1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with images of two classes, well apart, and a model that ends in a softmax."""
    folder = tmp_path_factory.mktemp("candidate")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    outputs = keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    upper = np.repeat([0.5, -0.5], 32).astype(np.float32)
    model.layers[-1].set_weights([np.stack([-upper, upper], axis=1), np.zeros(2, np.float32)])
    model.save(folder / "it's <b>mine.keras")
    labels = np.arange(12) % 2
    images = np.full((12, 8, 8), 0.4)
    images[labels == 1, :4] += 0.1 + 0.03 * np.arange(6)[:, np.newaxis, np.newaxis]
    images[labels == 0, 4:] += 0.1 + 0.03 * np.arange(6)[:, np.newaxis, np.newaxis]
    np.savez(folder / "mine.npz", x=images, y=labels)
    return folder


def judge(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command on the model and the images, as a user would."""
    command = [sys.executable, "-m", "robust_digits.candidate.judge", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def ended(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Return the command that judged the model."""
    paths = (str(folder / name) for name in ("it's <b>mine.keras", "mine.npz"))
    return judge(*paths, "--eps", str(EPS), "--output", str(folder / "out"))


def test_a_model_is_judged(folder: Path, ended: "subprocess.CompletedProcess[str]") -> None:
    """Terminal and files say the same: what stands, what is proven, which here is the same."""
    out = folder / "out"
    assert ended.returncode in {0, 1}, ended.stderr
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["accuracy"]["clean"] == 1
    assert metrics["accuracy"]["worst_case"] == metrics["certified"]["accuracy"]  # a linear model: bounds are exact
    assert 0 < metrics["accuracy"]["worst_case"] < 1
    assert f"{metrics['accuracy']['worst_case']:.1%} of 12 images stand within eps 0.1 (L-infinity)" in ended.stdout
    assert f"(worst case) are robust: {metrics['certified']['open']:.1%} are open" in ended.stdout
    assert metrics["certified"]["open"] == 0
    assert "softmax at the end taken off" in ended.stdout
    assert "APGD-CE" in ended.stdout
    checks = next(iter(json.loads((out / "sanity.json").read_text()).values()))
    assert "transfer_within_eps" not in checks
    assert ended.returncode == int(not all(check["passed"] for check in checks.values()))
    with (out / "verdicts.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 12


def test_the_page_needs_nothing_else(folder: Path, ended: "subprocess.CompletedProcess[str]") -> None:
    """It asks for nothing, runs nothing, and shows names as words."""
    assert not ended.stderr.count("Traceback")
    page = (folder / "out" / "page.html").read_text(encoding="utf-8")
    assert "<b>" not in page
    assert "it&#x27;s &lt;b&gt;mine" in page
    assert page.count("data:image/png;base64,") == 5
    assert not re.search(r"https?://|<script|<link", page)
    assert "default-src 'none'" in page


def test_a_second_run_gives_the_same_figures(folder: Path, ended: "subprocess.CompletedProcess[str]") -> None:
    """Metrics and verdicts are the same bytes, and a folder that this command wrote is written anew."""
    names = ("metrics.json", "verdicts.csv", "details.json")
    before = [(folder / "out" / name).read_bytes() for name in names]
    again = judge(*ended.args[3:])
    assert again.returncode == ended.returncode
    assert [(folder / "out" / name).read_bytes() for name in names] == before


@pytest.mark.fault("recovered")
def test_an_interrupted_run_goes_on(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was attacked before the interruption is not attacked again, and nothing of it is left behind at the end."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    request = Request(folder / "it's <b>mine.keras", folder / "mine.npz", tmp_path / "out", EPS, samples=4)
    asked: list[str] = []

    def idle(target: Target, _: Section) -> Images:
        asked.append(target.name)
        if asked == ["noise", "fgm"]:
            raise KeyboardInterrupt
        return target.images

    for name in ("noise", "fgm", "adaptive", *ATTACKS["autoattack"].members):
        monkeypatch.setattr(attacks, name, idle)
    with pytest.raises(KeyboardInterrupt):
        command.judge(request)
    assert not request.output.exists()
    note = "softmax at the end taken off: judged by the logits before it"
    assert keeper.folder(request.model, threads=request.threads, note=note).is_dir()
    command.judge(request)
    assert asked[:4] == ["noise", "fgm", "fgm", "apgd_ce"]
    assert "noise" not in asked[1:]
    assert not [path for path in (tmp_path / "cache" / "robust-digits").rglob("*") if path.is_file()]


def test_l2_is_judged_without_a_proof(folder: Path) -> None:
    """In L2 the same is found but for the certificate, and the reason is said."""
    paths = (str(folder / name) for name in ("it's <b>mine.keras", "mine.npz"))
    options = ("--eps", "0.5", "--norm", "2", "--samples", "6", "--output", str(folder / "l2"))
    ended = judge(*paths, *options)
    assert ended.returncode in {0, 1}, ended.stderr
    assert "of 6 images stand within eps 0.5 (L2)" in ended.stdout
    assert "nothing is proven: no bounds but of L-infinity" in ended.stdout
    assert json.loads((folder / "l2" / "metrics.json").read_text())["certified"]["accuracy"] is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--eps", "7"], "EPS (--eps): expected more than 0 and at most 1, got 7"),
        (["--eps", "0.1", "--norm", "1"], "NORM (--norm): expected inf or 2, got 1"),
        (
            ["--eps", "0.1", "--samples", "0"],
            "SAMPLES (--samples): expected a whole number, 1 at least and 4294967295 at most, got 0",
        ),
        (["--eps", "0.1", "--output", "."], "which would be lost"),
    ],
)
def test_bad_requests_are_one_line(arguments: list[str], says: str, folder: Path) -> None:
    """They end the command with code 2, whatever the files are."""
    ended = judge(str(folder / "it's <b>mine.keras"), str(folder / "mine.npz"), *arguments)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_make_says_what_is_missing() -> None:
    """Without a model, images or a radius, one line says which; what stands for other targets does not count."""
    command = ["make", "--silent", "--assume-old", ".venv/.locked", "judge", "DATA=x"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("MODEL: expected one")
