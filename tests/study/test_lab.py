"""The lab draws an image, its gradient, and what a multiple of the gradient does to the probabilities."""

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import linear
from support.pictures import assert_picture

import robust_digits.attack.fgm  # noqa: F401 (ART keeps the error stream that it finds: not one that a test captures)
from robust_digits.data import images
from robust_digits.draw import lab as charts_lab
from robust_digits.learn import models
from robust_digits.study import lab

pytestmark = pytest.mark.usefixtures("tensorflow")

ROOT = Path(__file__).parents[2]


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the paths of a linear model, of images that lie 0.02 from its boundary, and of the picture to be."""
    model, near = linear.level(0.02)
    models.save(model, tmp_path / "model.keras")
    images.save(tmp_path / "test", [near], count=len(near))
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("robust_digits.runtime.start", lambda **_: None)  # TensorFlow starts once in a process
    return [str(tmp_path / name) for name in ("model.keras", "test", "picture.png")]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run the command line."""
    monkeypatch.setattr(sys, "argv", ["lab", *arguments])
    lab.main()


def test_the_multiple_decides(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A step shorter than the way to the boundary changes nothing, a longer one the model's mind."""
    run(monkeypatch, *arguments, "--image", "1", "--linf", "0.019", "--l2", "1")
    run(monkeypatch, *arguments, "--image", "1", "--linf", "0.021", "--l2", "0.01")
    printed = [line.split(", with")[0] for line in capsys.readouterr().out.splitlines()]
    assert printed[:2] == ["L2 1: 1 is taken for 0", "Linf 0.019: 1 is taken for 1"]
    assert printed[3:5] == ["L2 0.01: 1 is taken for 1", "Linf 0.021: 1 is taken for 0"]
    assert_picture(Path(arguments[-1]))


def test_what_is_drawn(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In L2 a length of the gradient is added, in L-infinity of its signs; probabilities are those of either image."""
    drawn: dict[str, Any] = {}
    monkeypatch.setattr(charts_lab, "hacked", lambda _, rows, *, label: drawn.update(rows, label=label))
    run(monkeypatch, *arguments, "--linf", "0.1", "--l2", "0.3")
    assert drawn.pop("label") == 0
    l2, linf = drawn["0.3 of it in L2"], drawn["0.1 of it in Linf"]
    direction = linear.gradient().reshape(linear.SIDE, linear.SIDE, 1)
    for row in (l2, linf):
        assert np.all(np.sign(row["gradient"]) == np.sign(direction))
        np.testing.assert_allclose(row["image"] + row["added"], row["sum"], atol=1e-6)
        assert row["before"].argmax() == 0
        assert row["after"].argmax() == 1
        assert row["after"].sum() == pytest.approx(1)
    np.testing.assert_allclose(l2["added"], 0.3 * direction / np.linalg.norm(direction), atol=1e-5)
    np.testing.assert_allclose(linf["added"], 0.1 * np.sign(direction), atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--image", "6"], "lab: --image: expected 0 to 5, the test images; got 6"),
        (["--image", "-1"], "lab: --image: expected 0 to 5, the test images; got -1"),
        (["--l2", "0"], "lab: command line: l2: expected greater than 0, got 0.0"),
        (["--linf", "nan"], "lab: command line: linf: expected a finite number, got nan"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    wrong: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The line has what is legal; nothing is drawn."""
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, *arguments, *wrong)
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"{words}\n"
    assert not Path(arguments[-1]).exists()
