"""What a person gives to make reaches the command as it is: no name of a branch or a file runs anything."""

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.fault("refused")

ROOT = Path(__file__).parents[2]
# Stands for python and dvc: it notes what it is given, an argument a line.
STUB = """#!/bin/sh
printf '%s\\n' "$@" >> "$ARGUMENTS"
"""
EVIL = 'it\'s; touch ran $(touch ran) `touch ran` "x" $(shell touch ran) $HOME & > ran'
GIVEN = {
    "report": ["BASE", "HERE", "OUTPUT"],
    "page": ["BASE", "HERE", "OUTPUT"],
    "history": ["BASE", "OUTPUT", "LIMIT"],
    "openmetrics": ["HERE", "OUTPUT"],
    "export": ["MODEL", "EPS", "IMAGES", "OUTPUT"],
    "judge": ["MODEL", "DATA", "EPS", "NORM", "SAMPLES", "OUTPUT"],
    "survey": ["MODEL", "SAMPLES", "RECORD"],
    "lab": ["IMAGE", "L2", "LINF", "PART", "OUTPUT"],
    "answers": ["MODEL"],
    "experiments": ["MODEL"],
}


@pytest.fixture
def make(tmp_path: Path) -> "Make":
    """Return a make whose commands only note what they are given."""
    return Make(tmp_path)


class Make:
    """The project's Makefile in a folder of its own."""

    def __init__(self, at: Path) -> None:
        """Put the Makefile and the stubs there."""
        self.at = at
        (at / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
        (at / "bin").mkdir()
        for name in ("python", "dvc"):
            (at / "bin" / name).write_text(STUB, encoding="utf-8")
            (at / "bin" / name).chmod(0o755)

    def __call__(self, target: str, *given: str, **variables: str) -> list[str]:
        """Make a target, and return the arguments of its commands."""
        noted = self.at / "arguments.txt"
        environment = {"PATH": f"{self.at / 'bin'}{os.pathsep}{os.environ['PATH']}", "ARGUMENTS": str(noted)}
        command = ["make", "--silent", "--assume-old=.venv/.locked", target, *given]
        subprocess.run(command, cwd=self.at, env=environment | variables, capture_output=True, check=False)
        return noted.read_text(encoding="utf-8").splitlines() if noted.exists() else []


@pytest.mark.parametrize("target", GIVEN)
def test_what_is_given_is_one_argument(target: str, make: Make) -> None:
    """All that the shell or make would run is part of a name, on the command line as in the environment."""
    given = {name: f"{EVIL}{number}" for number, name in enumerate(GIVEN[target])}
    for arguments in (make(target, *(f"{name}={text}" for name, text in given.items())), make(target, **given)):
        for text in given.values():
            assert any(text in each for each in arguments), (text, arguments)
    assert not (make.at / "ran").exists()


@pytest.mark.parametrize("target", ["mnist", "detect", "study"])
def test_a_file_of_ones_own_may_have_any_name(target: str, make: Make) -> None:
    """Its whole path is one parameter, with spaces, quotation marks and dollars in it."""
    (make.at / "it's $mine.npz").touch()
    for name in ("it's $mine.npz", str(make.at / "it's $mine.npz")):
        assert f"data.source={make.at}/it's $mine.npz" in make(target, DATA=name)
