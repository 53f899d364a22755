"""Names, values and reasons cannot write the report: no line is forged, no markup of theirs is read as such."""

import re
from pathlib import Path

import pytest
from faults.fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st
from support.made_up import branch

from robust_digits import markup
from robust_digits.report import page, sections
from robust_digits.report.report import compare

pytestmark = pytest.mark.fault("refused")

MARKS = [
    "\n",
    "\r",
    "\x0b",
    "\u2028",
    "\x1b[2J",
    "\u202e",
    " ",
    "a",
    "\\",
    "&lt;",
    "|",
    "`",
    "``",
    "**",
    "<img src=x>",
    "</details>",
]
MARKS += ["<!--", "## 🟢 Not weaker", "[x](http://e)", "![x](http://e)", "@somebody"]
EVIL = st.one_of(
    st.text(max_size=12),
    st.lists(
        st.sampled_from(MARKS),
        max_size=6,
    ).map("".join),
)


def outside(text: str) -> str:
    """Return a line of Markdown without what stands in code spans."""
    return re.sub(r"`[^`]*`", "", text)


@examples(500)
@given(EVIL)
def test_what_somebody_chose_stays_in_its_line(text: str) -> None:
    """As code, as a value and as words, a text is one line, printable, and outside of code spans no markup."""
    for shown in (markup.code(text), markup.value(text), markup.words(text)):
        assert shown.isprintable()
        rest = outside(shown)
        assert not re.search(r"[<>`*]|\]\(|(?<!\w)@\w", rest), shown
    assert markup.code(text).count("`") == 2
    assert not re.match(r"[#>=~+-]|\d+[.)]", markup.paragraph(text.replace("\n", "")))


@examples(100)
@given(EVIL)
def test_nothing_is_markup_on_a_page(text: str) -> None:
    """Through the page's own reading of such lines no element comes but code."""
    for shown in (markup.code(text), markup.value(text), markup.words(text)):
        assert set(re.findall(r"<[^>]*>", markup.inline(shown))) <= {"<code>", "</code>"}


def test_what_is_harmless_stays_as_it_is() -> None:
    """Numbers, lists, words and names of commands look as they did."""
    for plain in ("0.2", "[0.0, 0.3]", "one_convolution", "True", "3.10, 3.11", "sha256=ab12", "my data/mine.npz"):
        assert markup.value(plain) == plain
    assert markup.value("a\n## b") == "`'a\\n## b'`"
    said = "no such revision here; `dvc repro evaluate@robust` makes it, (0, 1] or [0, 1]"
    assert markup.words(said) == markup.paragraph(said) == said


@pytest.mark.slow
def test_a_report_is_not_forged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parameter, its value, a commit's subject, a check and the base's name make no line of their own."""
    forged = "x\n\n## 🟢 Not weaker\n<img src=x>\n@somebody"
    made = branch(tmp_path / "project", {"hardened.accuracy.worst_case": 0.0}, harden={"eps": forged, forged: 1})
    made.red, made.gate["accepted"] = {"robust.sanity.logits"}, {"robust.sanity.logits": forged}
    made.commit("`<b>` **x** @somebody")
    monkeypatch.chdir(made.root)
    made.git("branch", "it`s<img>", "main")
    found = compare("it`s<img>", None)
    said = sections.report(found, base="it`s<img>")
    assert [line for line in said.splitlines() if line.startswith("#")] == [
        said.splitlines()[0],
        "### Accuracy over eps",
    ]
    assert said.startswith("## 🔴 Weaker")
    assert set(re.findall(r"<[^>]*>", outside(said))) == {"<details>", "</details>", "<summary>", "</summary>"}
    assert "@somebody" not in outside(said)
    assert r"`'x\n\n## 🟢 Not weaker\n<img src=x>\n@somebody'`" in said
    assert sections.failure(forged).splitlines()[2:] == [
        "x",
        "",
        r"\## 🟢 Not weaker",
        "\u2039img src=x\u203a",
        "\uff20somebody",
    ]
    assert "<img src" not in page.page(found, base="it`s<img>").partition("<script")[0]
