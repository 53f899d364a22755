"""Ctrl-C ends a command in one line and with the code of a shell, also while it still loads its libraries."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from robust_digits import ending

ROOT = Path(__file__).parents[2]
# Whoever runs the tests in the background ignores Ctrl-C, and so would all that they start.
HEEDING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
# A library in which Ctrl-C comes while it loads, and what it makes of that.
INTERRUPTED = """
import os, signal, time
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
except KeyboardInterrupt:
    {}
"""
ENDS = {
    "passes it on": "raise",
    "fails on its own": 'raise ImportError("numpy.core.multiarray failed to import") from None',
    "goes on": "print('oh dear', file=__import__('sys').stderr)",
}


def run(*command: str, at: Path) -> "subprocess.CompletedProcess[str]":
    """Run Python as at a keyboard, with the modules in a folder found first."""
    return subprocess.run(
        [sys.executable, "-c", HEEDING, *command],
        cwd=at,
        env={**os.environ, "PYTHONPATH": f"{at}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.fault("refused")
@pytest.mark.parametrize("made", ENDS.values(), ids=ENDS)
def test_while_a_library_loads(made: str, tmp_path: Path) -> None:
    """Whatever Keras makes of Ctrl-C while it loads, the stage ends in one line."""
    (tmp_path / "keras.py").write_text(INTERRUPTED.format(made), encoding="utf-8")
    (tmp_path / "tensorflow.py").touch()
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    done = run("-m", "stages.train_baseline", "a", "b", "c", "d", at=tmp_path)
    assert (done.returncode, done.stderr) == (130, "train_baseline: interrupted\n")


@pytest.mark.slow
@pytest.mark.fault("refused")
def test_before_a_command_has_begun(tmp_path: Path) -> None:
    """While the modules of a command are imported nothing of it can be interrupted yet: it is one line all the same."""
    (tmp_path / "stage.py").write_text(f"import robust_digits.command\n{INTERRUPTED.format('raise')}", encoding="utf-8")
    done = run("stage.py", at=tmp_path)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "stage: interrupted\n")


def test_other_errors_keep_their_traceback(tmp_path: Path) -> None:
    """What is no interruption is shown as Python shows it."""
    (tmp_path / "stage.py").write_text("import robust_digits.command\n1 / 0\n", encoding="utf-8")
    done = run("stage.py", at=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):\n")


def test_who_handles_the_key_keeps_it() -> None:
    """A caller that ignores Ctrl-C, or has its own way with it, is not overruled; else the handler is put back."""
    own = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ending.heeded():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with ending.heeded():
            assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, own)
