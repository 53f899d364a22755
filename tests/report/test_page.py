"""The page: one file that needs nothing else, drawn by a real browser without a network, on a desk and on a phone."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import browser
from support.browser import Tab
from support.fabricated import fabricated
from support.made_up import Project, branch, project

from robust_digits.history.results import Results
from robust_digits.judge.evidence import Evidence
from robust_digits.report import page as module
from robust_digits.report.page import page
from robust_digits.report.report import compare

pytestmark = pytest.mark.slow


ROOT = Path(__file__).parents[2]
WORST = "hardened.accuracy.worst_case"
needs_browser = pytest.mark.skipif(
    browser.executable() is None, reason=f"no browser on this machine: none of {', '.join(browser.NAMES)}"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project on a branch that broke hardening."""
    root = tmp_path_factory.mktemp("page") / "project"
    return branch(root, {WORST: 0.1, "robust.accuracy.clean": 0.97}, harden={"eps": 0.0}, evaluate={"eps": 0.1})


@pytest.fixture(scope="module")
def written(made: Project) -> Path:
    """Return the page, written by the command."""
    command = [sys.executable, "-m", "robust_digits.report.page", "page.html", "--base", "main"]
    done = subprocess.run(
        command, cwd=made.root, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, capture_output=True, check=True
    )
    assert done.stdout == b"-> page.html\n"
    return made.root / "page.html"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """Return a tab of a browser without a network."""
    with browser.tab(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def without_library(text: str) -> str:
    """Return the page without Vega, which is not this project's to judge."""
    return re.sub(r"<script>.{100000,}?</script>", "", text, flags=re.DOTALL)


def test_it_needs_nothing_else(written: Path) -> None:
    """No address is loaded, and a policy in the page forbids it: no script, style or picture but its own."""
    text = without_library(written.read_text(encoding="utf-8"))
    assert len(text) < 150_000
    assert re.findall(r"""(?:src|href)=["'](?!data:|#)""", text) == []
    assert re.findall(r"url\(|@import|<link|<iframe|fetch\(", text) == []
    assert "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:" in text


def test_it_says_what_the_report_says(written: Path) -> None:
    """The verdict is title and heading; warnings, figures, models, checks, parameters and stages are there."""
    text = without_library(written.read_text(encoding="utf-8"))
    said = f"{WORST} is 10.0%, below its floor of 50.0%. The attack moved (evaluate.eps 0.2 → 0.1)"
    assert f"<title>Weaker: {said}</title>" in text
    assert f'<header class="fail"><h1>Weaker: <code>{WORST}</code> is 10.0%, below its floor of 50.0%. The' in text
    assert "<strong>Judged otherwise than at the base:</strong> <code>evaluate.eps</code> 0.2 → 0.1" in text
    assert '<td data-label="status"><strong>below its floor</strong></td>' in text
    assert '<td data-label="status">measured otherwise</td>' in text
    assert '<td data-label="worst case, eps 0.1">10.0% (was 70.0%)</td>' in text
    assert "6 of 6 checks of the evaluation are green." in text
    assert "<p>Parameters: <code>evaluate.eps</code> 0.2 → 0.1, <code>harden.eps</code> 0.2 → 0.0.</p>" in text
    assert "<code>train_hardened</code>" in text


def test_pictures_side_by_side(written: Path) -> None:
    """A picture that changed is there twice, base first; one that did not is there once."""
    text = written.read_text(encoding="utf-8").partition(">Pictures</h2>")[2]
    shown = re.findall(r'<img alt="([^"]+)" src="data:image/png;base64,', text)
    assert shown == ["attack baseline, here", "attack hardened, base", "attack hardened, here", "attack robust, here"]


def test_what_broke_and_was_mended_is_shown(made: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few images that the worst case lost, as this branch saw them, and that it won, as the base did."""
    copy = Project(shutil.copytree(made.root, tmp_path / "copy"), figures=made.figures, params=made.params)
    copy.flipped[WORST] = (0, 950)
    copy.commit("Break one, mend one")
    asked = []

    def found(side: Results, model: str, root: Path) -> Evidence:
        asked.append((side.revision.subject, model, root))
        return fabricated(count=1000)[1]

    monkeypatch.setattr(Results, "evidence", found)
    monkeypatch.chdir(copy.root)
    text = without_library(page(compare("main", "HEAD"), base="main"))
    shown = re.findall(r'<figure><figcaption>(hardened: [^<]+)</figcaption><img alt="\1" src="data:image/png', text)
    assert shown == [
        f"hardened: {what}: number and label; as attacked; what for, by which attack"
        for what in ("601 broke, here", "1 mended, at the base")
    ]
    assert [(subject, model) for subject, model, _ in asked] == [
        ("Break one, mend one", "hardened"),
        ("Begin", "hardened"),
    ]


def test_what_broke_cannot_be_shown(written: Path) -> None:
    """Where DVC has no evidence of it that is one line; the numbers are there all the same."""
    text = without_library(written.read_text(encoding="utf-8"))
    line = "hardened: 600 broke, here: no pictures: data/evidence/hardened.npz of "
    assert text.count(f'<p class="quiet">{line}') == 1
    assert "<summary>Which test images broke, and which were mended</summary>" in text


def test_the_trend_is_folded(written: Path) -> None:
    """What became of the figures up to the base is one picture, closed at first."""
    folded = "<details><summary>Every figure that must hold, commit by commit</summary><figure>"
    assert f"{folded}<figcaption>up to where this branch left main</figcaption><img " in written.read_text(
        encoding="utf-8"
    )


def test_a_base_without_a_trend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the base has no limits, the page says so in place of the picture."""
    made = project(tmp_path / "project")
    made.git("rm", "--quiet", "gate.yaml")
    made.git("commit", "--quiet", "--message", "Hold nothing")
    made.git("switch", "--quiet", "--create", "idea")
    made.commit("Hold something")
    monkeypatch.chdir(made.root)
    text = without_library(page(compare("main", "HEAD"), base="main"))
    assert "commit by commit</summary><p>gate.yaml: not in " in text


def test_plots_that_are_as_at_the_base_are_folded(written: Path) -> None:
    """What moved is seen at once, the rest of each part behind a line that counts it; no picture repeats a plot."""
    text = without_library(written.read_text(encoding="utf-8"))
    _, curves, classes = re.split(r"<h2 id=\"accuracy-", text)[:3]
    assert "dashed: at the base" in curves.split("<details>")[0]
    assert "<summary>1 plot as at the base</summary>" in curves, "what is certified did not move"
    assert "line: at the base" in classes.split("<details>")[0]
    assert not {"confusions", "learning", "security"} & set(re.findall(r'<img alt="(\w+),', text))


def test_two_runs_give_the_same_bytes(written: Path, made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page has no time in it, and no path of this machine."""
    monkeypatch.chdir(made.root)
    text = page(compare("main", "HEAD"), base="main")
    assert text == written.read_text(encoding="utf-8")
    assert str(made.root) not in text


def test_words_are_not_markup(made: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a parameter or a reason says is shown as it is, also in the data of the plots."""
    made = Project(shutil.copytree(made.root, tmp_path / "copy"), params=made.params, gate=made.gate)
    made.params["data"]["source"] = "</script><img src=x onerror=alert(1)>"
    made.write()
    monkeypatch.chdir(made.root)
    text = without_library(page(compare("main", None), base="main"))
    assert "<img src=x" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


@pytest.mark.parametrize("arguments", [["--base", "nowhere"], ["--here", "nowhere"]])
def test_what_cannot_be_compared(
    arguments: list[str], made: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A revision that is not here is one line and 2, and no page is written."""
    monkeypatch.chdir(made.root)
    monkeypatch.setattr(sys, "argv", ["page", "none.html", *arguments])
    with pytest.raises(SystemExit) as end:
        module.main()
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("page: nowhere: no such revision here")
    assert not (made.root / "none.html").exists()


@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_draws_it_offline(written: Path, tab: Tab, width: int, dark: bool) -> None:  # noqa: FBT001 (pytest's)
    """Every plot is drawn and visible, nothing is complained of, nothing asked for, nothing wider than the screen."""
    tab.events.clear()
    tab.open(written, width=width, dark=dark)
    assert tab.complaints() == []
    assert tab.requests() == [written.as_uri()]
    count = tab.ask("specs.length")
    assert count == tab.ask("document.querySelectorAll('.drawing').length") == 15
    assert tab.ask("document.querySelectorAll('.drawing svg').length") == count
    sizes = tab.ask("[...document.querySelectorAll('.drawing svg')].map((svg) => [svg.clientWidth, svg.clientHeight])")
    assert all(200 < wide <= width and high > 200 for wide, high in sizes), sizes
    marks = "(each) => each.querySelector('.mark-line path, .mark-rect path')"
    assert tab.ask(f"[...document.querySelectorAll('.drawing')].every({marks})")
    assert tab.ask("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert tab.ask("document.documentElement.scrollWidth") <= width
    size = "(each) => parseFloat(getComputedStyle(each).fontSize)"
    assert set(tab.ask(f"[...document.querySelectorAll('td, p, summary, figcaption')].map({size})")) == {15}
    # The colours are those of the mode: light on dark, dark on light.
    lightness = "(colour) => colour.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765"
    style = "getComputedStyle(document.body)"
    ink, paper = (tab.ask(f"({lightness})({style}.{name})") for name in ("color", "backgroundColor"))
    assert (ink - paper > 0.5) if dark else (paper - ink > 0.5)
    assert tab.ask("getComputedStyle(document.querySelector('.drawing svg')).backgroundColor") == "rgba(0, 0, 0, 0)"


@needs_browser
def test_a_phone_names_every_cell(written: Path, tab: Tab) -> None:
    """On a phone the rows of a table are cards: no header, each cell beside the name of its column."""
    tab.open(written, width=390)
    assert tab.ask("getComputedStyle(document.querySelector('thead')).display") == "none"
    assert tab.ask("getComputedStyle(document.querySelectorAll('td')[1], '::before').content") == '"base"'
    tab.open(written, width=1280)
    assert tab.ask("getComputedStyle(document.querySelector('thead')).display") == "table-header-group"


@needs_browser
def test_the_browser_would_complain(tmp_path: Path, tab: Tab) -> None:
    """The watch works: an error, a forbidden address and one on the network are all seen."""
    page = tmp_path / "page.html"
    page.write_text(
        "<!doctype html><img src='http://example.org/x.png'><script>document.body.dataset.drawn = 1;"
        "console.error('seen'); eval.call(null, 'throw 1')</script>",
        encoding="utf-8",
    )
    tab.events.clear()
    tab.open(page, width=390)
    tab.wait("document.images[0].complete")
    said = " ".join(tab.complaints())
    assert "seen" in said
    assert "exceptionDetails" in said
    assert "ERR_" in said
    assert "http://example.org/x.png" in tab.requests()
