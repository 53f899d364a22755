"""The table of studies says of each file what it asks, and how far it is recorded."""

from pathlib import Path

import pytest

from robust_digits.errors import InputError
from robust_digits.record import pages

PLAN = """
title: {title}
base: digits
model: baseline
parameter: train.epochs
values: [1, 4, 12]
metrics: [clean, {metric}]
params: {{{params}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a base of studies, judged by ten steps of PGD."""
    (tmp_path / "bases").mkdir()
    (tmp_path / "bases/digits.yaml").write_text("evaluate.attacks: {pgd: {steps: 10}}", encoding="utf-8")
    (tmp_path / "bases/default.yaml").write_text("{}", encoding="utf-8")
    return tmp_path


def lines(folder: Path) -> list[str]:
    """Return the lines of the table below its heading."""
    return pages.fill("<!-- studies: . --><!-- end -->", folder, order=()).splitlines()[3:-1]


def write(folder: Path, name: str, *, metric: str = "worst_case", params: str = "", base: str = "digits") -> None:
    """Write a study of three values."""
    plan = PLAN.format(title=f"Title of {name}", metric=metric, params=params).replace("base: digits", f"base: {base}")
    (folder / f"{name}.yaml").write_text(plan, encoding="utf-8")


def test_each_study_says_what_its_worst_case_is_over(folder: Path) -> None:
    """The attacks are those of the study, or of its base, or of the project; without a worst case there are none."""
    write(folder, "a")
    write(folder, "b", params="evaluate.attacks: {fgm: {}, pgd: {steps: 40}}")
    write(folder, "c", base="default", metric="hardened.accuracy.worst_case")
    write(folder, "d", metric="fgm_white_box")
    assert lines(folder) == [
        "| [a](a.yaml) | Title of a | baseline | 3 | PGD, 10 steps | not yet |",
        "| [b](b.yaml) | Title of b | baseline | 3 | FGM; PGD, 40 steps | not yet |",
        "| [c](c.yaml) | Title of c | baseline | 3 | the suite of params.yaml | not yet |",
        "| [d](d.yaml) | Title of d | baseline | 3 |  | not yet |",
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1,k,\n4,,\n12,,\n", "[1 of 3](a.csv)"),
        ("1,k,\n4,k,\n12,k,\n", "[all](a.csv)"),
        ("1,k,yes\n4,k,\n12,k,\n", "[all](a.csv), 1 stale"),
        ("1,k,yes\n4,k,yes\n12,k,yes\n", "[all](a.csv), all stale"),
        ("1,,\n", "not yet"),
    ],
)
def test_what_is_recorded_and_what_is_stale_is_counted(folder: Path, rows: str, said: str) -> None:
    """A line without a key was not run; one of earlier code or parameters is stale."""
    write(folder, "a")
    (folder / "a.csv").write_text(f"value,key,stale\n{rows}", encoding="utf-8")
    (line,) = lines(folder)
    assert line.endswith(f"| {said} |")


def test_a_chain_counts_the_runs_of_its_steps(folder: Path) -> None:
    """What is recorded of a chain are the steps that have chosen a value."""
    steps = "steps: [{parameter: train.epochs, values: [1, 2]}, {parameter: train.loss, values: [a, b, c]}]"
    chain = PLAN.format(title="Chain", metric="fgm", params="").replace(
        "parameter: train.epochs\nvalues: [1, 4, 12]", steps
    )
    (folder / "chain.yaml").write_text(chain, encoding="utf-8")
    assert lines(folder) == ["| [chain](chain.yaml) | Chain | baseline | 5 in 2 steps |  | not yet |"]
    (folder / "chain.csv").write_text("value,chosen\nepochs,2\n", encoding="utf-8")
    assert lines(folder) == ["| [chain](chain.yaml) | Chain | baseline | 5 in 2 steps |  | [1 of 2](chain.csv) |"]


@pytest.mark.parametrize(
    "content", ["title: only", "{title: a, base: digits, steps: 5}", "{title: a, base: no, model: b}"]
)
def test_what_is_no_study_is_named(folder: Path, content: str) -> None:
    """One line names the file."""
    (folder / "a.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.yaml: |no\.yaml"):
        lines(folder)
