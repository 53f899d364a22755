"""README.md says what is so: its tables, its graph, its links and its commands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from robust_digits.record import pages

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def targets() -> set[str]:
    """Return the targets that `make help` lists."""
    printed = subprocess.run(["make", "--silent", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^  make (\w+) ", printed, re.MULTILINE))


def test_tables_come_from_the_metrics() -> None:
    """Every number in a results table is that of the committed metrics (`make readme` writes them)."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert page.count("<!-- results: ") == 3
    assert pages.fill(page, ROOT) == page


def test_graph_is_the_pipeline() -> None:
    """The graph is what `dvc dag --md` draws."""
    command = [sys.executable, "-m", "dvc", "dag", "--md"]
    drawn = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert drawn.strip() in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every link and picture of a page that is not on the web is a file of the project."""
    links = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    assert all((page.parent / link).exists() for link in links if not link.startswith("https://")), links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    """Every `make` target that a page names is one that `make help` lists."""
    assert set(re.findall(r"(?:^|`)make (\w+)", page.read_text(encoding="utf-8"), re.MULTILINE)) <= targets()


def test_every_target_is_listed() -> None:
    """`make help` lists every target that is not a file."""
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony
    assert targets() == set(phony[1].split())
