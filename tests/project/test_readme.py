"""The documents say what is so: their figures, graph, links and commands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from robust_digits.params import read
from robust_digits.record import pages

ROOT = Path(__file__).parents[2]
QUOTING = {
    "README.md": 3,
    "docs/seeds.md": 35,
    "docs/hardening.md": 24,
    "docs/studies/README.md": 60,
}  # marks, at least
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def targets() -> set[str]:
    """Return the targets that `make help` lists."""
    printed = subprocess.run(["make", "--silent", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^  make (\w+) ", printed, re.MULTILINE))


@pytest.mark.parametrize("page", pages.documents(ROOT), ids=lambda page: str(page.relative_to(ROOT)))
def test_figures_come_from_their_files(page: Path) -> None:
    """Every figure between marks is that of the committed file (`make pages` writes them)."""
    text = page.read_text(encoding="utf-8")
    assert pages.fill(text, page.parent, order=read(ROOT / "params.yaml")["models"]) == text


def test_documents_with_figures_have_marks() -> None:
    """The documents that quote results take them from files: many figures, and none of them typed."""
    counts = {name: (ROOT / name).read_text(encoding="utf-8").count("<!-- end -->") for name in QUOTING}
    assert all(counts[name] >= least for name, least in QUOTING.items()), counts


@pytest.mark.parametrize("page", pages.documents(ROOT), ids=lambda page: str(page.relative_to(ROOT)))
def test_no_line_starts_with_a_figure(page: Path) -> None:
    """Markdown takes a line that starts with a comment for HTML, and would show no link, no bold and no paragraph."""
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"^ *<!-- (?:figure|checks): .*", text, re.MULTILINE)


def test_graph_is_the_pipeline() -> None:
    """The graph is what DVC draws, with one node for all models."""
    command = [sys.executable, "-m", "dvc", "dag", "--md", "--collapse-foreach-matrix"]
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_studies_exist(page: Path) -> None:
    """Every study that a page names in a command is one that can be run."""
    named = re.findall(r"make study NAME=(?:\"([\w ]+)\"|(\w+))", page.read_text(encoding="utf-8"))
    names = {name for each in named for name in " ".join(each).split()}
    assert all((ROOT / f"docs/studies/{name}.yaml").exists() for name in names - {"my_study"}), names


def test_what_the_tutorials_show_is_answered() -> None:
    """Every row of docs/seeds.md has a command, and a figure out of a file or a picture that came of it."""
    text = (ROOT / "docs/seeds.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    asked = [row for row in rows if len(row) == 5 and row[0] not in {"it shows", "---"}]
    assert len(asked) >= 50
    for shown, _, command, answer, _ in asked:
        assert command.startswith("`make "), shown
        assert "<!-- figure: " in answer or ".png)" in answer, shown


def test_every_target_is_listed() -> None:
    """`make help` lists every target that is not a file."""
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony
    assert targets() == set(phony[1].split())
