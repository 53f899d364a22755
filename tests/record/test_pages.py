"""The tables of a page are what the metrics say, and nothing else of the page changes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from robust_digits.errors import InputError
from robust_digits.record import pages

ROOT = Path(__file__).parents[2]
HEAD = (
    "| model | clean | FGM, transfer | FGM, white-box | worst case | certified |\n"
    "| --- | --- | --- | --- | --- | --- |\n"
)
BASELINE = (
    "| baseline | 98.0% (96.0 to 99.1) | 7.5% (5.2 to 10.7) | 7.5% (5.2 to 10.7) | 0.0% (0.0 to 1.1) "
    "| 0.0% (0.0 to 1.1) |\n"
)
ROBUST = (
    "| robust | 100.0% (98.9 to 100.0) | 96.1% (93.6 to 97.7) | 0.0% (0.0 to 1.1) | 0.0% (0.0 to 1.1) | unknown |\n"
)


def scores(*shares: float, certified: float | None = None) -> dict[str, Any]:
    """Return metrics of 359 images as the stage `evaluate` writes them, with an attack that the table leaves out."""
    keys = ("clean", "fgm_transfer", "fgm_white_box", "worst_case", "square")
    accuracy = dict(zip(keys, (*shares, 0.5), strict=True))
    proven = {"accuracy": certified, **({"reason": "no bounds"} if certified is None else {"margin": 0.1})}
    return {"images": 359, "accuracy": accuracy, "margin": dict.fromkeys(keys, 0.1), "certified": proven}


METRICS = {
    "baseline": scores(0.9805, 0.0752, 0.0752, 0.0, certified=0.0),
    "robust": scores(1.0, 0.961, 0.0, 0.0),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with metrics of two models, of one in another folder, and files that are no model's."""
    for folder, models in (("metrics", ["robust", "baseline"]), ("docs/results/mnist/metrics", ["baseline"])):
        (tmp_path / folder).mkdir(parents=True)
        for model in models:
            (tmp_path / folder / f"{model}.json").write_text(json.dumps(METRICS[model]), encoding="utf-8")
    (tmp_path / "metrics" / "sanity.json").write_text("{}", encoding="utf-8")
    return tmp_path


def marked(folder: str, content: str = "") -> str:
    """Return a marked block of a page."""
    return f"<!-- results: {folder} -->\n{content}<!-- end -->"


def test_models_come_in_the_storys_order(root: Path) -> None:
    """Metrics are read in the order baseline, robust, hardened; other files are left alone."""
    (root / "metrics" / "hardened.json").write_text(json.dumps(METRICS["robust"]), encoding="utf-8")
    assert list(pages.read(root / "metrics")) == ["baseline", "robust", "hardened"]
    assert pages.read(root / "docs/results/mnist/metrics") == {"baseline": METRICS["baseline"]}


def test_table() -> None:
    """A model has a line: percent and the ends of the interval, one decimal each; what nothing proves is unknown."""
    assert pages.table(METRICS) == HEAD + BASELINE + ROBUST
    hardened = pages.table({"hardened": scores(0.9, 0.9, 0.8, 0.7, certified=0.5822)})
    assert hardened.endswith(" | 70.0% (65.0 to 74.4) | 58.2% (53.1 to 63.2) |\n")


def test_fill_replaces_marked_blocks_only(root: Path) -> None:
    """What stands between marks is written anew, each from its own folder; all else stays to the byte."""
    page = "# Title\n\n| model | clean |\n\n{}\n\ntext <!-- end --> text\n\n{}\nlast"
    stale = page.format(marked("metrics", "| stale |\n"), marked("docs/results/mnist/metrics"))
    fresh = page.format(
        marked("metrics", HEAD + BASELINE + ROBUST), marked("docs/results/mnist/metrics", HEAD + BASELINE)
    )
    assert pages.fill(stale, root) == fresh


def test_fill_is_idempotent(root: Path) -> None:
    """Filling a page again changes nothing."""
    once = pages.fill(marked("metrics"), root)
    assert pages.fill(once, root) == once


@pytest.mark.parametrize(
    "page",
    ["", "# Title\n", "<!-- results: metrics -->\nno end\n", "<!-- result: metrics -->\n<!-- end -->"],
)
def test_pages_without_marks_stay(page: str, root: Path) -> None:
    """A page without a pair of marks is left as it is."""
    assert pages.fill(page, root) == page


def test_backslashes_are_text(root: Path) -> None:
    """What a page or a folder is called is never taken for a pattern."""
    page = r"\1 \g<0> " + marked("metrics")
    assert pages.fill(page, root) == r"\1 \g<0> " + marked("metrics", HEAD + BASELINE + ROBUST)


@pytest.mark.parametrize("folder", ["metric", "docs/results", "metrics/baseline.json"])
def test_a_folder_without_metrics_is_refused(folder: str, root: Path) -> None:
    """A mark that names a folder without metrics is an error that names it: results never vanish from a page."""
    with pytest.raises(InputError, match=folder):
        pages.fill(marked(folder, HEAD + BASELINE), root)


def test_command_fills_the_pages_that_it_is_given(root: Path) -> None:
    """The command writes the tables of each named page from the folders below the current one."""
    for name in ("README.md", "OTHER.md"):
        (root / name).write_text(f"≈ {marked('metrics')}\n", encoding="utf-8")
    command = [sys.executable, "-m", "robust_digits.record.pages", "README.md", "OTHER.md"]
    subprocess.run(command, cwd=root, env={"PYTHONPATH": str(ROOT)}, check=True, timeout=60)
    for name in ("README.md", "OTHER.md"):
        page = (root / name).read_bytes().decode("utf-8")
        assert page == f"≈ {marked('metrics', HEAD + BASELINE + ROBUST)}\n"


def test_command_refuses_a_mark_without_metrics(root: Path) -> None:
    """A mark that names no metrics ends the command with one line and leaves the page as it was."""
    page = marked("nowhere", HEAD + BASELINE)
    (root / "README.md").write_text(page, encoding="utf-8")
    command = [sys.executable, "-m", "robust_digits.record.pages", "README.md"]
    done = subprocess.run(
        command, cwd=root, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "nowhere" in done.stderr
    assert (root / "README.md").read_text(encoding="utf-8") == page
