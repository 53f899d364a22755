"""What a branch recorded is read along first parents; what is stale or of an unknown layout is counted and left out."""

from pathlib import Path

import pytest
from support.made_up import Project, project

from robust_digits.history import mainline, revisions
from robust_digits.history.mainline import Mainline

WORST = "hardened.accuracy.worst_case"


@pytest.fixture
def made(tmp_path: Path) -> Project:
    """Return a project of one commit."""
    return project(tmp_path / "project")


def read(made: Project, *, limit: int | None = None) -> Mainline:
    """Return what the branch main recorded."""
    repository = revisions.repository(made.root)
    return mainline.read(repository, repository.commit("main"), limit=limit)


def subjects(found: Mainline) -> list[str]:
    """Return the subjects of the commits that have results."""
    return [results.revision.subject for results in found.results]


def test_results_are_those_of_their_commits(made: Project) -> None:
    """Each commit that changed results is there with its own, the oldest first; an edit of other files is none."""
    made.figures[WORST] = 0.65
    made.commit("Harden less")
    made.text("README.md", "words\n")
    made.commit("Say it")
    found = read(made)
    assert subjects(found) == ["Begin", "Harden less"]
    assert [results.figures[WORST].value for results in found.results] == [0.7, 0.65]
    assert (found.stale, found.unreadable) == (0, 0)


def test_a_merge_is_one_commit(made: Project) -> None:
    """Of a branch that was merged only what it brought counts, not how it came about."""
    made.git("switch", "--quiet", "--create", "idea")
    for value in (0.1, 0.8):
        made.figures[WORST] = value
        made.commit(f"Try {value}")
    made.git("switch", "--quiet", "main")
    made.git("merge", "--quiet", "--no-ff", "--message", "Merge the idea", "idea")
    found = read(made)
    assert subjects(found) == ["Begin", "Merge the idea"]
    assert found.results[-1].figures[WORST].value == 0.8


def test_stale_results_are_left_out(made: Project) -> None:
    """Parameters that were changed without a run, or code that was, leave figures that are not theirs."""
    made.text("params.yaml", (made.root / "params.yaml").read_text(encoding="utf-8").replace("steps: 7", "steps: 3"))
    made.git("commit", "--quiet", "--all", "--message", "Forget to run")
    found = read(made)
    assert (subjects(found), found.stale, found.unreadable) == (["Begin"], 1, 0)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("metrics/robust.json", "{}"),
        ("metrics/details/robust.json", None),
        ("metrics/sanity.json", None),
        ("dvc.lock", "[]"),
        ("dvc.yaml", None),
        ("dvc.yaml", "stages:"),
        ("metrics/verdicts/robust.csv", f"index,label\n0,{'1' * 200_000}\n"),
        ("gate.yaml", ": ["),
        ("gate.yaml", "level: 5"),
        ("docs/studies/seeds.csv", "one,two\n1,2\n"),
        ("requirements.txt", "\udcff"),
    ],
)
def test_other_layouts_are_left_out(path: str, content: str | None, made: Project) -> None:
    """A commit whose results cannot be read is counted and ends nothing."""
    if content is None:
        (made.root / path).unlink()
    else:
        (made.root / path).parent.mkdir(parents=True, exist_ok=True)
        (made.root / path).write_bytes(content.encode(errors="surrogateescape"))
    made.text("metrics/more.txt", "")
    made.git("add", "--all")
    made.git("commit", "--quiet", "--message", "Break it")
    found = read(made)
    assert subjects(found) == ["Begin"]
    assert found.stale + found.unreadable == 1


def test_the_newest_only(made: Project) -> None:
    """A limit asks that many of the commits that changed results, the newest."""
    for value in (0.6, 0.65):
        made.figures[WORST] = value
        made.commit(f"Try {value}")
    assert subjects(read(made, limit=2)) == ["Try 0.6", "Try 0.65"]
