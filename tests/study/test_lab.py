"""The lab draws an image, what it adds of the gradient, and what that does to the probabilities."""

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from support import linear
from support.pictures import assert_picture, picture

import robust_digits.attack.fgm  # noqa: F401 (ART keeps the error stream that it finds: not one that a test captures)
from robust_digits.data import images
from robust_digits.draw import lab as pictures
from robust_digits.draw import parts
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
    monkeypatch.setattr(pictures, "pushed", lambda _, moved, **told: drawn.update(told, moved=moved))
    run(monkeypatch, *arguments, "--linf", "0.1", "--l2", "0.3")
    assert (drawn["label"], drawn["what"]) == (0, "model: image 0 of test")
    assert drawn["before"].argmax() == 0
    direction = linear.gradient().reshape(linear.SIDE, linear.SIDE, 1)
    l2, linf = drawn["moved"].values()
    assert [name.split()[-1] for name in drawn["moved"]] == ["0.3", "(L-infinity)"]
    for each in (l2, linf):
        np.testing.assert_allclose(drawn["image"] + each.added, each.sum, atol=1e-6)
        assert each.after.argmax() == 1
        assert each.after.sum() == pytest.approx(1)
    np.testing.assert_allclose(l2.added, 0.3 * direction / np.linalg.norm(direction), atol=1e-5)
    np.testing.assert_allclose(linf.added, 0.1 * np.sign(direction), atol=1e-6)


def test_the_last_image(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """-1 is the last image, by its number in the title."""
    drawn: dict[str, Any] = {}
    monkeypatch.setattr(pictures, "pushed", lambda *_, **told: drawn.update(told))
    run(monkeypatch, *arguments, "--image", "-1")
    assert drawn["what"] == "model: image 5 of test"


def test_no_picture_twice(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The image and its probabilities are drawn once, whatever is added; every picture is another."""
    kept: list[Figure] = []
    monkeypatch.setattr(parts, "save", lambda figure, _: kept.append(figure))
    run(monkeypatch, *arguments)
    shown = [picture(axes).tobytes() for axes in kept[0].axes if axes.images]
    assert len(shown) == len(set(shown)) == 5
    scales = [child.get_ylabel() for axes in kept[0].axes for child in axes.child_axes]
    assert scales == ["change of a pixel (red: lighter)"] * 2


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--image", "6"], "lab: --image: expected 0 to 5, or -1 for the last one, in {test}; got 6"),
        (["--image", "-7"], "lab: --image: expected 0 to 5, or -1 for the last one, in {test}; got -7"),
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
    assert capsys.readouterr().err == f"{words.format(test=arguments[1])}\n"
    assert not Path(arguments[-1]).exists()
