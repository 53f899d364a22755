"""docs/reliability.md promises nothing that no test shows."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NO_FAULTS = {  # what is written otherwise than one may think, but not broken; and code, which is read
    "test_the_dialect_is_that_of_dvc",
    "test_where_a_redirect_may_lead",
    "test_hazards.py",
}


def test_every_test_that_is_named_is_there() -> None:
    """A module or a function of the tests that moved or went is missed where a promise rests on it."""
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    modules = list((ROOT / "tests").rglob("test_*.py"))
    there = {path.name for path in modules}
    for path in modules:
        there.update(re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"\btest_\w+(?:\.py)?", page))
    assert named
    assert named <= there


def test_every_path_that_is_named_is_there() -> None:
    """A test that moved to another folder is named by its new one."""
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    paths = set(re.findall(r"\btests/[\w/]+(?:\.py)?", page))
    assert paths
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_every_test_that_is_named_is_tried_by_make_faults() -> None:
    """A test that a promise rests on has the marker that `make faults` selects; a module has one such test at least."""
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    marked = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        if "mark.fault(" not in text:
            continue
        marked.add(path.name)
        all_of_it = re.search(r"^pytestmark = .*mark\.fault", text, re.MULTILINE)
        for decorators, name in re.findall(r"^((?:[^\n]+\n)*?)def (test_\w+)", text, re.MULTILINE):
            if all_of_it or "mark.fault(" in decorators:
                marked.add(name)
    assert set(re.findall(r"\btest_\w+(?:\.py)?", page)) - NO_FAULTS <= marked
