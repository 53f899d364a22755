"""Who watches `dvc repro` sees bars that grow; a log, which nobody watches, gets plain lines."""

import re
from pathlib import Path

import pytest
from support.pipeline import make_project, run
from support.terminal import lines, watched

pytestmark = pytest.mark.slow

BAR = re.compile(r"([\w ]+): +(\d+)%\|")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small project with its images made, and a cache of its own."""
    at = make_project(tmp_path_factory.mktemp("project"))
    run("dvc", "repro", "normalize", at=at)
    return at


def test_bars_grow_on_a_terminal(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each training and each attack of a stage that DVC runs has one bar, on one line, which ends full."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(project / ".cache"))
    code, written = watched("dvc", "repro", "craft", at=project)
    assert code == 0, written
    bars = [BAR.match(line) for line in lines(written)]
    assert [bar.groups() for bar in bars if bar] == [
        ("training", "100"),
        ("fgm", "100"),
        ("fgm", "100"),
    ]
    assert ("training", "0") in BAR.findall(written)
    assert not re.search(r"^epoch 1: [^>]*$", written, re.MULTILINE), "told twice"


def test_a_log_has_plain_lines(project: Path) -> None:
    """Without a terminal there is no bar: an epoch is a line."""
    printed = run("dvc", "repro", "--force", "--single-item", "train_baseline", at=project, XDG_CACHE_HOME=str(project))
    assert not BAR.search(printed)
    assert "\r" not in printed
    assert len([line for line in printed.splitlines() if line.startswith("epoch 1: ")]) == 2  # and what was kept
