"""What stands between the marks of a page is what the files say, and nothing else of the page changes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_digits.errors import InputError
from robust_digits.judge import checks
from robust_digits.judge.checks import Check
from robust_digits.judge.scoring import interval
from robust_digits.record import pages

ROOT = Path(__file__).parents[2]
ORDER = ("baseline", "robust", "hardened")
IMAGES = 359
HEAD = (
    "| model | clean | FGM transfer, eps 0.5 | FGM white-box, eps 0.5 | worst case, eps 0.3 | certified, eps 0.3 |\n"
    "| --- | --- | --- | --- | --- | --- |\n"
)
BASELINE = (
    "| baseline | 98.0% (96.0 to 99.1) | 7.5% (5.2 to 10.7) | 7.5% (5.2 to 10.7) | 0.0% (0.0 to 1.1) "
    "| 0.0% (0.0 to 1.1) |\n"
)
ROBUST = (
    "| robust | 100.0% (98.9 to 100.0) | 96.1% (93.6 to 97.7) | 0.0% (0.0 to 1.1) | 0.0% (0.0 to 1.1) | unknown |\n"
)


def write(folder: Path, model: str, *shares: float, certified: float | None = None, other: str = "square") -> None:
    """Write the metrics of a model and how they were made, with one more attack, of 50%."""
    keys = ("clean", "fgm_transfer", "fgm_white_box", "worst_case", other)
    accuracy = dict(zip(keys, (*shares, 0.5), strict=True))
    content: dict[str, Any] = {"accuracy": accuracy, "certified": {"accuracy": certified}}
    eps = {"clean": 0.0, "fgm_transfer": 0.5, "fgm_white_box": 0.5}
    details = {
        f"accuracy.{key}": {
            "images": IMAGES,
            "norm": "inf",
            "eps": eps.get(key, 0.3),
            "settings": {},
            "interval": interval(round(share * IMAGES), IMAGES),
        }
        for key, share in accuracy.items()
    }
    ends = None if certified is None else interval(round(certified * IMAGES), IMAGES)
    details["certified.accuracy"] = {"images": IMAGES, "norm": "inf", "eps": 0.3, "settings": {}, "interval": ends}
    (folder / "details").mkdir(parents=True, exist_ok=True)
    (folder / f"{model}.json").write_text(json.dumps(content), encoding="utf-8")
    (folder / "details" / f"{model}.json").write_text(json.dumps(details), encoding="utf-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with metrics of two models, of one in another folder, checks, and parameters."""
    write(tmp_path / "metrics", "robust", 1.0, 0.961, 0.0, 0.0)
    write(tmp_path / "metrics", "baseline", 0.9805, 0.0752, 0.0752, 0.0, certified=0.0)
    write(tmp_path / "docs/results/mnist/metrics", "baseline", 0.9805, 0.0752, 0.0752, 0.0, certified=0.0)
    table = {"one": Check("", 0.0, 1.0), "two": Check("", 2.0, 1.0)}
    checks.save(tmp_path / "metrics" / "sanity.json", {"baseline": table, "robust": table})
    (tmp_path / "params.yaml").write_text(f"models: [{', '.join(ORDER)}]\n", encoding="utf-8")
    return tmp_path


def marked(folder: str, content: str = "") -> str:
    """Return a marked table of a page."""
    return f"<!-- results: {folder} -->\n{content}<!-- end -->"


def figure(named: str, text: str = "") -> str:
    """Return a marked figure of a page."""
    return f"<!-- figure: {named} -->{text}<!-- end -->"


def fill(page: str, folder: Path) -> str:
    """Fill a page with the models in the order of the story."""
    return pages.fill(page, folder, order=ORDER)


def test_autoattack_has_a_column_where_every_model_has_it(tmp_path: Path) -> None:
    """The ensemble that others publish stands beside the worst case; no column is ever half full."""
    write(tmp_path, "a", 0.98, 0.075, 0.075, 0.5, other="autoattack")
    write(tmp_path, "b", 0.98, 0.075, 0.075, 0.5, other="autoattack")
    head, _, *rows = pages.table(pages.read(tmp_path, order=())).splitlines()
    assert head.split(" | ")[4:6] == ["AutoAttack, eps 0.3", "worst case, eps 0.3"]
    assert [row.split(" | ")[4] for row in rows] == ["50.0% (45.0 to 55.3)"] * 2  # 180 of 359
    write(tmp_path, "b", 0.98, 0.075, 0.075, 0.5)
    assert "AutoAttack" not in pages.table(pages.read(tmp_path, order=()))


def test_models_come_in_the_order_that_is_given(root: Path) -> None:
    """Models are read in that order, those that it does not name behind them; checks are no model."""
    write(root / "metrics", "another", 1.0, 1.0, 1.0, 1.0)
    assert list(pages.read(root / "metrics", order=ORDER)) == ["baseline", "robust", "another"]
    assert list(pages.read(root / "metrics", order=["robust"])) == ["robust", "another", "baseline"]


def test_table(root: Path) -> None:
    """A model has a line: percent and the ends of the interval; headings say eps; what nothing proves is unknown."""
    assert pages.table(pages.read(root / "metrics", order=ORDER)) == HEAD + BASELINE + ROBUST
    write(root / "other", "hardened", 0.9, 0.9, 0.8, 0.7, certified=0.5822)
    hardened = pages.table(pages.read(root / "other", order=ORDER))
    assert hardened.endswith(" | 70.0% (65.0 to 74.4) | 58.2% (53.1 to 63.2) |\n")


def test_fill_replaces_what_is_marked_only(root: Path) -> None:
    """What stands between marks is written anew, each from its own file; all else stays to the byte."""
    page = "# Title\n\n| model | clean |\n\n{}\n\ntext <!-- end --> text\n\n{}\nlast {}, {}"
    stale = page.format(
        marked("metrics", "| stale |\n"),
        marked("docs/results/mnist/metrics"),
        figure("metrics/robust.json accuracy.clean", "12.0%"),
        "<!-- checks: metrics/sanity.json -->4 of 4<!-- end -->",
    )
    right = page.format(
        marked("metrics", HEAD + BASELINE + ROBUST),
        marked("docs/results/mnist/metrics", HEAD + BASELINE),
        figure("metrics/robust.json accuracy.clean", "100.0%"),
        "<!-- checks: metrics/sanity.json -->2 of 4<!-- end -->",
    )
    assert fill(stale, root) == right
    assert fill(right, root) == right


def test_paths_start_at_the_page(root: Path) -> None:
    """A document in a folder names files as its links do."""
    page = figure("results/mnist/metrics/baseline.json accuracy.clean")
    assert "98.0%" in fill(page, root / "docs")


@pytest.mark.parametrize("page", ["", "# Title\n", "<!-- result: metrics -->\n<!-- end -->"])
def test_pages_without_marks_stay(page: str, root: Path) -> None:
    """A page without marks is left as it is."""
    assert fill(page, root) == page


@pytest.mark.parametrize(
    "page",
    [
        "<!-- results: metrics -->\nno end\n",
        f"<!-- figure: metrics/robust.json accuracy.clean -->1% {marked('metrics')}",
        "<!-- checks: metrics/sanity.json -->4 of 4",
    ],
)
def test_a_mark_without_an_end_is_refused(page: str, root: Path) -> None:
    """A mark must not swallow what follows, up to the end of the next one or of the page."""
    with pytest.raises(InputError, match=r"^<!-- .* --> has no <!-- end -->$"):
        fill(page, root)


@given(st.text(max_size=80))
def test_text_around_marks_is_text(text: str) -> None:
    """Whatever a page says, backslashes included, stays as it is."""
    page = text.replace("<!--", "")
    assert pages.fill(page, Path(), order=ORDER) == page


@pytest.mark.parametrize("folder", ["metric", "docs/results", "metrics/baseline.json"])
def test_a_folder_without_metrics_is_refused(folder: str, root: Path) -> None:
    """A mark that names a folder without metrics is an error that names it: results never vanish from a page."""
    with pytest.raises(InputError, match=folder):
        fill(marked(folder, HEAD + BASELINE), root)


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"accuracy": {"clean": 1.0}, "certified": 3}', '{"accuracy": {"x": 1}}']
)
def test_broken_metrics_are_refused(content: str, root: Path) -> None:
    """A file that holds something else, or a figure of which nobody says how it was made, is one line."""
    (root / "metrics" / "robust.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"robust\.json: not the metrics of a model"):
        fill(marked("metrics"), root)


def test_metrics_without_a_column_are_refused(root: Path) -> None:
    """A table needs every column: the message has the file and the figure that it lacks."""
    (root / "metrics" / "robust.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"robust\.json: expected accuracy\.clean, .*; accuracy\.clean, .* missing$"):
        fill(marked("metrics"), root)


def run(root: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as `make pages` does."""
    command = [sys.executable, "-m", "robust_digits.record.pages"]
    environment = {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_command_fills_every_document(root: Path) -> None:
    """The command finds the documents by itself, writes what is stale, and names only those."""
    (root / "README.md").write_text(f"≈ {marked('metrics')}\n", encoding="utf-8")
    (root / "docs" / "deep").mkdir()
    (root / "docs" / "deep" / "page.md").write_text(
        figure("../../metrics/robust.json accuracy.clean"), encoding="utf-8"
    )
    (root / "docs" / "plain.md").write_text("nothing", encoding="utf-8")
    assert run(root).stdout.splitlines() == ["README.md: written anew", "docs/deep/page.md: written anew"]
    assert (root / "README.md").read_bytes().decode() == f"≈ {marked('metrics', HEAD + BASELINE + ROBUST)}\n"
    assert run(root).stdout == ""


def test_command_refuses_a_mark_without_metrics(root: Path) -> None:
    """A mark that names no metrics ends the command with one line and leaves the page as it was."""
    page = marked("nowhere", HEAD + BASELINE)
    (root / "README.md").write_text(page, encoding="utf-8")
    done = run(root)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("pages: README.md: nowhere: expected the metrics of a model")
    assert (root / "README.md").read_text(encoding="utf-8") == page
