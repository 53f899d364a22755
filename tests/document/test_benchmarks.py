"""The tables of a document are what the file of results says."""

import json
from pathlib import Path
from typing import Any

import pytest

from robust_digits.document import benchmarks
from robust_digits.errors import InputError
from robust_digits.record import pages

MACHINE = "Any CPU, 2 cores, Linux x86_64"


def line(label: str, figure: float, **more: Any) -> dict[str, Any]:  # noqa: ANN401 (fields of a line)
    """Return a contender's line."""
    spread = {"median": figure, "lowest": figure / 2, "highest": figure * 2, "seconds_each": 1 / figure}
    return {"name": label, "label": label, "said": {}, "parts": {}, "versions": {}, **spread, **more}


def row(title: str, *lines: dict[str, Any], unit: str = "images per second", **sizes: float) -> dict[str, Any]:
    """Return a row of results."""
    head = {"title": title, "unit": unit, "rounds": 5, "sizes": sizes, "machine": MACHINE, "day": "2026-11-26"}
    return head | {"contenders": list(lines)}


@pytest.fixture
def results() -> dict[str, Any]:
    """Return results of two rows, the limit, and targets."""
    ours = line("robust-digits", 20_000.0, ratio=1.0, said={"stands": 0.25}, versions={"keras": "3", "art": "0"})
    art = line("ART", 2_000.0, ratio=10.0, said={"batch": 32}, versions={"art": "1"})
    lost = {"name": "foolbox", "label": "Foolbox", "failed": "no such module"}
    epoch = line("robust-digits", 0.5, parts={"epoch": {"cpu": 3.25}})
    products = line("TensorFlow", 0.01, parts={"operations": {"fgm": 0.002, "training": 0.005, "pgd": 0.1}})
    target = {"row": "FGM", "what": "ART", "expected": "at least 8", "measured": 10.0, "met": True, "reason": ""}
    return {
        "rows": {
            "fgm": row("FGM", ours, art, lost, images=10_000, eps=0.2),
            "training": row("Training", epoch, unit="seconds per epoch", images=20_000),
            "limit": row("Products", products, unit="seconds", images=128),
        },
        "targets": [
            target,
            target | {"what": "Foolbox", "measured": None, "met": None},
            target | {"what": "CleverHans", "measured": 0.6, "met": False, "reason": "it checks nothing"},
        ],
    }


def shown(tmp_path: Path, results: object) -> str:
    """Return the tables of results."""
    (tmp_path / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return benchmarks.tables(tmp_path / "results.json")


def test_a_contender_is_a_line(tmp_path: Path, results: dict[str, Any]) -> None:
    """Figures with their spread and ratio; one that failed says why; sizes, machine, day and versions stand below."""
    lines = shown(tmp_path, results).splitlines()
    assert lines[:7] == [
        "### FGM",
        "",
        "| contender | images per second | lowest | highest | time / ours | said |",
        "| --- | --- | --- | --- | --- | --- |",
        "| robust-digits | 20,000 | 10,000 | 40,000 | 1.00 | stands 0.25 |",
        "| ART | 2,000 | 1,000 | 4,000 | 10.00 | batch 32 |",
        "| Foolbox | failed: no such module |  |  |  |  |",
    ]
    assert lines[8] == f"10000 images, 0.2 eps; 5 rounds; {MACHINE}; 2026-11-26; art 0, art 1, keras 3."


def test_what_a_contender_said_is_a_cell(tmp_path: Path, results: dict[str, Any]) -> None:
    """The last words of a process break no table, whatever is in them."""
    results["rows"]["fgm"]["contenders"][2]["failed"] = "a | b\n" + 300 * "c"
    said = next(each for each in shown(tmp_path, results).splitlines() if each.startswith("| Foolbox"))
    assert said.replace("\\|", "").count("|") == 7
    assert len(said) < 300


def test_parts_have_a_table(tmp_path: Path, results: dict[str, Any]) -> None:
    """What was measured of parts of the work stands below its row."""
    assert "| robust-digits: of it | cpu |\n| --- | --- |\n| epoch | 3.25 |\n" in shown(tmp_path, results)


def test_the_limit(tmp_path: Path, results: dict[str, Any]) -> None:
    """Rows that were measured stand beside what products allow: 100 s for 10^9 operations are 5 images/s in FGM."""
    text = shown(tmp_path, results)
    assert "| FGM | 2.00 | 5 | 20,000 | 400000% |" in text
    assert "| Training | 5.00 | 2 | 10,000 | 500000% |" in text  # 20,000 images in 2 s
    assert "pgd" not in text
    assert "| TensorFlow | 0.01 | 0.005 | 0.02 |" in text


def test_targets_are_named(tmp_path: Path, results: dict[str, Any]) -> None:
    """A target that is met says so, a missed one why, and one without a figure nothing."""
    assert shown(tmp_path, results).endswith(
        "### Targets\n\n"
        "| row | against | expected | measured |  |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| FGM | ART | at least 8 | 10 | met |\n"
        "| FGM | Foolbox | at least 8 | not measured |  |\n"
        "| FGM | CleverHans | at least 8 | 0.6 | missed: it checks nothing |\n"
    )


def test_a_page_holds_the_tables(tmp_path: Path, results: dict[str, Any]) -> None:
    """What stands between the marks is written anew when the file says something else."""
    text = shown(tmp_path, results)
    stale = "above\n<!-- benchmarks: results.json -->\nold\n<!-- end -->\nbelow"
    page = pages.fill(stale, tmp_path, order=())
    assert page == f"above\n<!-- benchmarks: results.json -->\n{text}<!-- end -->\nbelow"
    results["targets"][0]["measured"] = 9.0
    shown(tmp_path, results)
    assert pages.fill(page, tmp_path, order=()) == page.replace("at least 8 | 10 |", "at least 8 | 9 |")


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"rows": {"fgm": {}}, "targets": []}', '{"rows": 1}'])
def test_another_file_is_refused(content: str, tmp_path: Path) -> None:
    """A file that holds something else, or is not there, is one line that names it."""
    path = tmp_path / "results.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"results\.json: not what benchmarks/bench\.py writes"):
        benchmarks.tables(path)
    with pytest.raises(InputError, match=r"none\.json: no such file"):
        benchmarks.tables(tmp_path / "none.json")
