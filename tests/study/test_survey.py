"""The survey runs every attack of the table on a few images and says how each one did."""

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support import commands
from support.pictures import assert_picture

from robust_digits import runtime, tables
from robust_digits.attack import attacks
from robust_digits.attack.table import ATTACKS
from robust_digits.data import images
from robust_digits.data.images import ImageSet
from robust_digits.learn import models
from robust_digits.runtime import keras
from robust_digits.study import survey

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]

SIDE, EPS = 8, 0.2
SUITE: dict[str, dict[str, int]] = {
    "grey": {},
    "noise": {"draws": 1},
    "transfer": {},
    "fgm": {},
    "bim": {"steps": 2},
    "pgd": {"steps": 2, "restarts": 1},
    "pgd_margin": {"steps": 2, "restarts": 1},
    "square": {"queries": 10},
}
COMMAND = ["models/tiny.keras", "test", "old"]
LINE = re.compile(  # attack, right within eps, right at all, median L2, Linf, seconds an image
    r"(?P<attack>\w+) +(?P<within>\d+\.\d)% +(?P<at_all>\d+\.\d)% +(?P<l2>-|\d+\.\d+) +(?P<linf>-|\d+\.\d+) +\d+\.\d{3}"
)


def folder_with(folder: Path, attacks: dict[str, Any]) -> Path:
    """Fill a folder with parameters, a small linear model of two classes and three images of each, well apart.

    Upper half bright is class 1, lower half bright class 0, by 0.2: half of that breaks any. The first image is
    labelled wrongly. The transfer set is the test set itself.
    """
    params = {"seed": 0, "threads": 2, "evaluate": {"eps": EPS, "attacks": attacks, "curve": {}}, "data": {}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    model = keras.Sequential([keras.layers.Input((SIDE, SIDE, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    upper = np.repeat([0.5, -0.5], SIDE * SIDE // 2).astype(np.float32)
    model.layers[-1].set_weights([np.stack([-upper, upper], axis=1), np.zeros(2, np.float32)])
    models.save(model, folder / "models" / "tiny.keras")
    labels = np.arange(6) % 2
    pixels = np.full((6, SIDE, SIDE, 1), 0.4, np.float32)
    pixels[labels == 1, : SIDE // 2] += 0.2
    pixels[labels == 0, SIDE // 2 :] += 0.2
    labels[0] = 1
    for name in ("test", "old"):
        images.save(folder / name, [ImageSet(pixels, labels)], count=6)
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Return the command's `main` on a folder with all it needs; TensorFlow has been started before."""
    monkeypatch.setattr(runtime, "start", lambda **_: None)
    monkeypatch.chdir(folder_with(tmp_path, SUITE))

    def command(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["survey", *arguments])
        survey.main()

    return command


def lines(printed: str) -> dict[str, dict[str, str]]:
    """Return what each line says, by attack, but for the two lines above them."""
    found = [LINE.fullmatch(line) for line in printed.splitlines()[2:]]
    assert all(found), printed
    return {line["attack"]: line.groupdict() for line in found if line}


def test_every_attack_has_a_line(run: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    """A real run prints what it looks at, a header and a line for each attack of the table, in order; no other word."""
    run(*COMMAND, "--samples", "2")
    out, err = capsys.readouterr()
    assert err == ""
    first, header, *rest = out.splitlines()
    assert first == "tiny on the first 2 test images, eps 0.2"
    assert header.split() == [
        "attack",
        "right",
        "within",
        "eps",
        "right",
        "at",
        "all",
        "median",
        "L2",
        "Linf",
        "s/image",
    ]
    assert [line.split()[0] for line in rest] == list(ATTACKS)
    for attack, line in lines(out).items():
        assert float(line["at_all"]) <= float(line["within"]) <= 50, "one of the two is wrong to begin with"
        if ATTACKS[attack].bounded:
            assert line["at_all"] == line["within"]


def offered(monkeypatch: pytest.MonkeyPatch, names: Iterable[str]) -> None:
    """Leave these attacks of the table only."""
    monkeypatch.setattr(survey, "ATTACKS", {name: ATTACKS[name] for name in names})


def test_a_line_says_what_the_attack_did(
    run: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shares of all images are right; sizes are those of the perturbations that changed the model's mind."""
    few = {
        "noise": lambda target, _: target.images,
        "deepfool": lambda target, _: np.clip(target.images + 0.3 * np.sign(0.5 - target.images), 0, 1),
    }
    for name, attack in few.items():
        monkeypatch.setattr(attacks, name, attack)
    offered(monkeypatch, ("fgm", *few))
    run(*COMMAND, "--samples", "6")
    found = lines(capsys.readouterr().out)
    assert {attack: (line["within"], line["at_all"]) for attack, line in found.items()} == {
        "fgm": ("0.0", "0.0"),
        "noise": ("83.3", "83.3"),
        "deepfool": ("83.3", "0.0"),
    }
    assert (found["fgm"]["l2"], found["fgm"]["linf"]) == ("1.60", "0.20")
    assert (found["deepfool"]["l2"], found["deepfool"]["linf"]) == ("2.40", "0.30")
    assert (found["noise"]["l2"], found["noise"]["linf"]) == ("-", "-")


def test_a_record_has_every_model_once(
    run: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed is kept by model and attack; another model comes beside it, the same one takes its place."""
    offered(monkeypatch, ("noise", "fgm"))
    Path("models/other.keras").write_bytes(Path("models/tiny.keras").read_bytes())
    for model, samples in (("tiny", "2"), ("other", "6"), ("tiny", "6")):
        run(f"models/{model}.keras", *COMMAND[1:], "--samples", samples, "--record", "survey.csv")
    rows = tables.read(Path("survey.csv"))
    assert [(row["value"], row["images"]) for row in rows] == [
        ("other, noise", "6"),
        ("other, FGM", "6"),
        ("tiny, noise", "6"),
        ("tiny, FGM", "6"),
    ]
    assert [(row["within"], row["at_all"], row["l2"]) for row in rows[2:]] == [
        ("0.8333", "0.8333", ""),
        ("0.0", "0.0", "1.6"),
    ]
    assert "fgm                               0.0%          0.0%       1.60   0.20" in capsys.readouterr().out
    assert_picture(Path("survey.png"))


def test_a_table_of_something_else_is_not_recorded_into(
    run: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused before any attack runs, and stays as it was."""
    Path("eps.csv").write_text("value,clean\n1,0.5\n", encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        run(*COMMAND, "--record", "eps.csv")
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("survey: --record: eps.csv is no survey: expected the columns value, model, attack")
    assert Path("eps.csv").read_text(encoding="utf-8") == "value,clean\n1,0.5\n"


@pytest.mark.parametrize("left_out", ["noise", "bim", "pgd", "square", "grey"])
def test_an_attack_that_is_not_part_of_the_suite(
    left_out: str, run: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An attack that params.yaml leaves out does not end the survey with a traceback: the others have their lines."""
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    del params["evaluate"]["attacks"][left_out]
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    offered(monkeypatch, (left_out, "transfer"))
    run(*COMMAND, "--samples", "2")
    assert capsys.readouterr().out.splitlines()[-1].startswith("transfer ")


def test_it_is_a_command(tmp_path: Path) -> None:
    """What cannot be run ends `make survey` within a second, with one line, a code other than 0 and no traceback."""
    done = commands.run("study.survey", *COMMAND, at=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "survey: params.yaml: no such file; run from the folder that holds it\n"


@pytest.mark.parametrize("samples", ["0", "-3", "many", "1.5", ""])
def test_samples_must_be_a_number(samples: str, run: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    """Fewer than one sample, or what is no whole number, is refused with the value, before anything is loaded."""
    with pytest.raises(SystemExit) as end:
        run(*COMMAND, f"--samples={samples}")
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--samples" in err.splitlines()[-1]
    assert samples in err.splitlines()[-1]
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["models/none.keras", "test", "old"], "survey: models/none.keras: no such file"),
        (["params.yaml", "test", "old"], "survey: params.yaml: not a Keras 3 model"),
        (["models/tiny.keras", "none", "old"], "survey: none/images.npy: no such file"),
        (["models/tiny.keras", "test", "none"], "survey: none/images.npy: no such file"),
    ],
    ids=["no model", "not a model", "no test images", "no transfer set"],
)
def test_what_is_missing_is_named(
    arguments: list[str], says: str, run: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing or broken input ends the survey with one line that names it; nothing is printed before."""
    with pytest.raises(SystemExit) as end:
        run(*arguments)
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(says)
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(("content", "says"), [(None, "params.yaml: no such file"), ("seed: -1", "seed: expected")])
def test_parameters_are_checked(
    content: str | None, says: str, run: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Missing or wrong parameters end the survey with lines that say what is wrong."""
    if content is None:
        Path("params.yaml").unlink()
    else:
        Path("params.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        run(*COMMAND)
    assert end.value.code == 2
    assert says in capsys.readouterr().err
