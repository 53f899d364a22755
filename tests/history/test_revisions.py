"""Files are read as they stand in a commit or in the working tree, bare or not, and what is missing is said."""

from pathlib import Path

import pytest
from support.made_up import Project, branch

from robust_digits.errors import InputError
from robust_digits.history.revisions import Repository, repository


@pytest.fixture
def made(tmp_path: Path) -> Project:
    """Return a project on a branch of one commit."""
    return branch(tmp_path / "project", {})


def test_a_commit_is_read_without_checking_it_out(made: Project) -> None:
    """The files of a commit are those it was made of, whatever lies in the working tree."""
    before = (made.root / "params.yaml").read_bytes()
    made.text("params.yaml", "changed: 1\n")
    found = repository(made.root)
    old = found.at(found.commit("HEAD"))
    assert old.files["params.yaml"] == before
    assert not old.changed
    assert found.here().files["params.yaml"] == b"changed: 1\n"


def test_commits_are_read_one_after_the_other(made: Project) -> None:
    """Each has its own files, whether they are those of the one before or not; a link is no file."""
    (made.root / "link").symlink_to("params.yaml")
    made.text("empty", "")
    made.text("params.yaml", "seed: 1\n")
    made.git("add", "--all")
    made.git("commit", "--quiet", "--message", "Change it")
    found = repository(made.root)
    new, old = found.each([found.commit("HEAD"), found.commit("main")])
    assert (new.files["params.yaml"], new.files["empty"]) == (b"seed: 1\n", b"")
    assert old.files["params.yaml"].startswith(b"seed: 0\n")
    assert new.files.keys() - old.files.keys() == {"empty"}
    assert old == found.at(old.commit)


def test_commits_are_listed_by_what_they_changed(made: Project) -> None:
    """The newest is first; a limit takes the newest only."""
    for name in ("metrics/new.json", "other", "metrics/newer.json"):
        made.text(name, "{}")
        made.git("add", "--all")
        made.git("commit", "--quiet", "--message", f"Add {name}")
    found = repository(made.root)
    listed = found.log(found.commit("HEAD"), "metrics")
    assert [each.subject for each in found.each(listed)] == ["Add metrics/newer.json", "Add metrics/new.json", "Begin"]
    assert found.log(found.commit("HEAD"), "metrics", limit=1) == listed[:1]


def test_a_revision_has_the_words_of_its_commit(made: Project) -> None:
    """Its date is a day; its subject may hold whatever a line of text may."""
    made.git("commit", "--quiet", "--allow-empty", "--message", "Add\ta\u2028 line")
    revision = repository(made.root).here()
    assert revision.subject == "Add\ta\u2028 line"
    assert revision.date == made.git("log", "-1", "--format=%cs")


def test_the_working_tree_says_that_it_was_changed(made: Project) -> None:
    """Uncommitted changes stand in the label; files that git ignores are none, deleted ones are gone."""
    found = repository(made.root)
    assert found.here().label == made.git("rev-parse", "HEAD")[:12]
    made.text(".gitignore", "/ignored\n")
    made.git("add", ".gitignore")
    made.git("commit", "--quiet", "--message", "Ignore")
    made.text("ignored", "")
    assert not found.here().changed
    (made.root / "gate.yaml").unlink()
    here = found.here()
    assert here.label.endswith(" with uncommitted changes")
    assert not {"ignored", "gate.yaml"} & here.files.keys()


def test_changes_are_listed_below_paths(made: Project) -> None:
    """Changed and new files are listed by name, those of the asked folders only."""
    made.text("metrics/new.json", "{}")
    made.text("params.yaml", "a: 1\n")
    assert repository(made.root).changes("metrics", "plots") == ["metrics/new.json"]


def test_a_bare_repository_is_its_last_commit(made: Project, tmp_path: Path) -> None:
    """Without a working tree, what is here is HEAD; it is found from inside."""
    made.git("clone", "--quiet", "--bare", str(made.root), str(tmp_path / "bare"))
    found = repository(tmp_path / "bare")
    assert found.here().files == repository(made.root).here().files
    assert found.commit("main") != found.commit("HEAD")


def test_the_root_is_found_from_below(made: Project) -> None:
    """A command may stand in a folder of the project."""
    assert repository(made.root / "metrics").root == made.root


def test_a_revision_that_is_not_here(made: Project, tmp_path: Path) -> None:
    """An unknown revision is refused with how to fetch it, or with the name it has here."""
    for name in ("nowhere", "origin/nowhere"):
        with pytest.raises(InputError) as error:
            repository(made.root).commit(name)
        assert str(error.value) == (
            f"{name}: no such revision here; `git fetch origin nowhere:refs/remotes/origin/nowhere` fetches a branch, "
            "then called origin/nowhere"
        )
    made.git("clone", "--quiet", str(made.root), str(tmp_path / "clone"))
    with pytest.raises(InputError, match=r"^main: no such revision here; did you mean origin/main\?$"):
        repository(tmp_path / "clone").commit("main")


@pytest.mark.parametrize("name", ["", "--help", "HEAD:params.yaml", "main..idea"])
def test_what_is_no_commit(name: str, made: Project) -> None:
    """Something that names no commit, an option among it, is refused in one line."""
    with pytest.raises(InputError, match="no such revision here"):
        repository(made.root).commit(name)


def test_histories_that_share_nothing(made: Project) -> None:
    """Commits without a common one are refused, with what helps a shallow clone."""
    made.git("switch", "--quiet", "--orphan", "other")
    made.commit("Begin again")
    found = repository(made.root)
    with pytest.raises(InputError, match="share no commit here; in a shallow clone, `git fetch --unshallow`"):
        found.merge_base(found.commit("main"), found.commit("HEAD"))


def test_a_merge_base_is_where_the_branch_left(made: Project) -> None:
    """What main did since does not count."""
    left = made.git("rev-parse", "main")
    made.git("switch", "--quiet", "main")
    made.commit("Go on")
    found = repository(made.root)
    assert found.merge_base(found.commit("main"), found.commit("idea")) == left


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder outside git is refused with git's own words, and so is a machine without git."""
    with pytest.raises(InputError, match=r"^git rev-parse: .*not a git repository"):
        repository(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"^git: No such file or directory$"):
        Repository(tmp_path).commit("HEAD")


def test_text_of_a_file(made: Project) -> None:
    """A file that is missing or no text is named with its revision."""
    (made.root / "odd").write_bytes(b"\xff")
    here = repository(made.root).here()
    with pytest.raises(InputError, match=r"^none: not in [0-9a-f]{12} with uncommitted changes$"):
        here.text("none")
    with pytest.raises(InputError, match=r"^odd in .*: not UTF-8: "):
        here.text("odd")
