"""Any `main` as a command: its arguments, its parameters, and what becomes of what it raises."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest

from robust_digits import command
from robust_digits.errors import InputError
from robust_digits.params import Count, Section


class Numbers(Section):
    """A parameter."""

    count: Count


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that runs a `main` with arguments, in a folder with a params.yaml of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("count: 3\nother: {key: 1}\n", encoding="utf-8")

    def start(main: Callable[..., None], *arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["stage", *arguments])
        command.run(main)

    return start


Run = Callable[..., None]


def test_main_gets_its_parameters_and_arguments(run: Run) -> None:
    """Arguments come in the order of the signature: paths, and names as text."""
    got: list[object] = []

    def main(params: Numbers, first: Path, second: Path, name: str) -> None:
        got.extend([params, first, second, name])

    run(main, "a/b", "c", "x")
    assert got == [Numbers(count=3), Path("a/b"), Path("c"), "x"]


def test_an_argument_says_what_it_is(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The help shows what an argument is annotated with; one without a word of its own has its name alone."""

    def main(params: Numbers, first: Annotated[Path, "input: the images"], second: Path) -> None:
        pytest.fail(f"ran with {params}, {first}, {second}")

    with pytest.raises(SystemExit) as caught:
        run(main, "--help")
    assert caught.value.code == 0
    assert "\n  first       input: the images\n  second\n" in capsys.readouterr().out


def test_main_does_not_run_with_wrong_parameters(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The parameters are checked before anything of the stage happens."""
    Path("params.yaml").write_text("count: 0", encoding="utf-8")

    def main(params: Numbers) -> None:
        pytest.fail(f"ran with {params}")

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert said == "test_command: params.yaml: count: expected greater than or equal to 1, got 0\n"


@pytest.mark.fault("refused")
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InputError("data/raw: broken"), "test_command: data/raw: broken"),
        (FileNotFoundError(2, "No such file or directory", "x.npy"), "test_command: x.npy: No such file or directory"),
        (OSError(28, "No space left on device", "x.npy"), "test_command: x.npy: No space left on device"),
        (OSError(28, "No space left on device"), "test_command: No space left on device"),
        (MemoryError("Unable to allocate 7 TiB"), "test_command: out of memory: Unable to allocate 7 TiB"),
        (MemoryError(), "test_command: out of memory: MemoryError"),
    ],
)
def test_what_the_user_can_mend_is_one_line(
    run: Run, error: Exception, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong input, or a file that cannot be read or written, ends the stage with its name and the cause."""

    def main(_: Numbers) -> None:
        raise error

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"{message}\n"


@pytest.mark.parametrize("error", [ValueError("ours"), OSError("no file"), KeyError("ours"), AssertionError("ours")])
def test_what_we_must_mend_keeps_its_traceback(run: Run, error: Exception) -> None:
    """Every other error is passed on as it is."""

    def main(_: Numbers) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        run(main)
    assert caught.value is error


def test_a_main_without_a_section_is_our_fault(run: Run) -> None:
    """The first argument of `main` is the stage's parameters."""

    def main(params: int) -> None:
        pytest.fail(f"ran with {params}")

    with pytest.raises(TypeError, match="expected a Section as the first argument of main, got <class 'int'>"):
        run(main)
