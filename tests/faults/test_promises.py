"""docs/reliability.md promises nothing that no test shows."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


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
