"""The tables of a document are what was measured beside the official AutoAttack, and beyond the suite."""

import json
from pathlib import Path

import pytest

from robust_digits.document import autoattack
from robust_digits.errors import InputError
from robust_digits.record import pages


def test_a_comparison_with_the_official_autoattack(tmp_path: Path) -> None:
    """A row of the benchmark is a line of the table, and another file is refused in one line."""
    row = {
        "model": "hardened",
        "eps": 0.2,
        "norm": "inf",
        "images": 1000,
        "seed": 0,
        "ours": {"clean": 0.94, "apgd_ce": 0.7, "square": 0.593},
        "official": {"clean": 0.94, "apgd-ce": 0.7, "square": 0.596},
        "disagree": [3, 5, 8],
        "seconds": {"ours": 5.03, "official": 21.2},
        "seconds_of_arithmetic": 29.6,
        "machine": "any",
    }
    (tmp_path / "a.json").write_text(json.dumps([row, row | {"seed": 2}]), encoding="utf-8")
    page = pages.fill("<!-- autoattack: a.json --><!-- end -->", tmp_path, order=())
    assert "| hardened, seed 2 | 0.2, L-infinity | 1,000 |" in page
    assert "| hardened | 0.2, L-infinity | 1,000 | 94.0% | 59.3% | 59.6% | 3 | 5.0 | 21 | 4.21 | 30 |" in page
    for content in ("[{}]", "{", "[1]"):
        (tmp_path / "a.json").write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=r"not what benchmarks/autoattack\.py writes"):
            autoattack.table(tmp_path / "a.json")
    with pytest.raises(InputError, match="no such file"):
        autoattack.table(tmp_path / "b.json")


def test_what_a_long_attack_leaves(tmp_path: Path) -> None:
    """A row of the benchmark is a line of the table, and another file is refused in one line."""
    row = {
        "model": "hardened",
        "eps": 0.3,
        "images": 1000,
        "suite": 0.921,
        "left": 0.919,
        "broken": [3, 8],
        "restarts": 45,
        "steps": 300,
        "seconds": 990.0,
        "machine": "any",
    }
    (tmp_path / "a.json").write_text(json.dumps([row]), encoding="utf-8")
    page = pages.fill("<!-- long_attack: a.json --><!-- end -->", tmp_path, order=())
    assert "| hardened | 0.3 | 1,000 | 92.1% | 91.9% | 2 | 45 | 300 |" in page
    (tmp_path / "a.json").write_text("[{}]", encoding="utf-8")
    with pytest.raises(InputError, match=r"not what benchmarks/long_attack\.py writes"):
        autoattack.longer(tmp_path / "a.json")
