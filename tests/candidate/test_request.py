"""What is asked for is checked before anything loads, and says the suite and the curves."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from robust_digits.candidate import judge, request
from robust_digits.candidate.request import Request
from robust_digits.errors import InputError

ASKED = Request(Path("my.keras"), Path("mine.npz"), Path("judged/my"), 0.03)


@pytest.mark.parametrize(("eps", "norm", "expected"), [("0.03", "inf", (0.03, "inf")), ("2.5", "2", (2.5, 2))])
def test_a_ball_is_a_radius_and_a_norm(eps: str, norm: str, expected: tuple[float, str | int]) -> None:
    """L-infinity ends at 1, the whole range of pixels; L2 does not."""
    assert request.ball(eps, norm) == expected


@pytest.mark.parametrize("eps", ["0", "-1", "1.01", "nan", "inf", "much", ""])
def test_a_radius_that_is_none_is_refused(eps: str) -> None:
    """Anything but a number above 0 and up to 1 is one line."""
    with pytest.raises(InputError, match="EPS"):
        request.ball(eps, "inf")


def test_a_norm_that_is_unknown_is_refused() -> None:
    """Attacks know L-infinity and L2."""
    with pytest.raises(InputError, match="expected inf or 2, got 1"):
        request.ball("0.1", "1")


@pytest.mark.parametrize("value", ["0", "-3", "1.5", "many", str(2**40)])
def test_a_count_that_is_none_is_refused(value: str) -> None:
    """A number of images is whole and positive."""
    with pytest.raises(InputError, match="SAMPLES: expected a whole number, 1 at least"):
        request.whole(value, name="SAMPLES", least=1)


def test_what_is_asked_reaches_the_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command hands on the folder by its name, and no more threads than a machine starts."""
    (tmp_path / "out").mkdir()
    for name in ("my.keras", "mine.npz"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path / "out")
    asked: list[Request] = []
    monkeypatch.setattr(judge, "judge", asked.append)
    command = ["judge", "../my.keras", "../mine.npz", "--eps", "0.1", "--output", ".", "--threads"]
    monkeypatch.setattr(sys, "argv", [*command, "1024"])
    judge.main()
    assert (asked[0].output, asked[0].threads) == (tmp_path / "out", 1024)
    monkeypatch.setattr(sys, "argv", [*command, "1025"])
    with pytest.raises(SystemExit, match="2"):
        judge.main()


def test_curves_surround_the_radius() -> None:
    """They are measured at 0, about the radius in its own norm, and in L-infinity at the bound of grey images."""
    found = request.curve(replace(ASKED, eps=0.3), pixels=300)
    assert found.linf == (0.0, 0.075, 0.15, 0.225, 0.3, 0.45, 0.5, 0.6, 0.9)
    assert found.l2[4] == pytest.approx(3.0)
    assert request.curve(replace(ASKED, eps=3.0, norm=2), pixels=300).linf == found.linf
    assert found.samples == 200
    assert request.curve(replace(ASKED, samples=7), pixels=300).samples == 7


def test_a_folder_of_others_is_not_written_over(tmp_path: Path) -> None:
    """Only a new folder, or one that holds nothing but what an earlier run wrote, is written."""
    request.check_output(tmp_path / "new")
    (tmp_path / "page.html").touch()
    request.check_output(tmp_path)
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match=r"thesis\.tex, which would be lost"):
        request.check_output(tmp_path)
    with pytest.raises(InputError, match="something else"):
        request.check_output(tmp_path / "thesis.tex")


def test_a_folder_without_a_name_gets_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder and the one above are written as well as any other, which keeps the name that was given."""
    (tmp_path / "out" / "in").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "out" / "in")
    assert request.check_output(Path()) == tmp_path / "out" / "in"
    (tmp_path / "empty").mkdir()
    assert request.check_output(tmp_path / "empty" / "in" / "..") == tmp_path / "empty"
    assert request.check_output(Path("judged/my")) == Path("judged/my")


@pytest.mark.fault("refused")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first attack: below a file, where nobody may write, and where another disk begins."""
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file" / "out", Path("/proc/out")):
        with pytest.raises(InputError, match=rf"^{folder}: cannot be written \(.*\); name another OUTPUT"):
            request.check_output(folder)
    request.check_output(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    monkeypatch.setattr(Path, "is_mount", lambda _: True)
    with pytest.raises(InputError, match="expected a folder to write"):
        request.check_output(tmp_path / "out")
