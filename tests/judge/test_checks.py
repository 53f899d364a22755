"""Checks are kept on disk as they are, and what is none is refused."""

import json
from pathlib import Path

import pytest
from support.evaluations import without

from robust_digits.errors import InputError
from robust_digits.judge import checks, sanity
from robust_digits.judge.checks import Check
from robust_digits.judge.evidence import Evidence

pytestmark = pytest.mark.usefixtures("tensorflow")


def test_checks_on_disk(healthy: Evidence, tmp_path: Path) -> None:
    """Each model and check has an entry: what it says, what was measured, the bound, and passed or not."""
    models = {
        "baseline": sanity.checks(healthy, control=True),
        "robust": sanity.checks(without(healthy, ["square"]), control=False),
    }
    checks.save(tmp_path / "metrics" / "sanity.json", models)
    written = (tmp_path / "metrics" / "sanity.json").read_bytes()
    assert written.endswith(b"\n")
    assert b"\r" not in written
    content = json.loads(written)
    assert list(content) == ["baseline", "robust"]
    for model, table in models.items():
        assert list(content[model]) == list(table)
        for name, check in table.items():
            entry = content[model][name]
            assert list(entry) == ["says", "measured", "bound", "passed"]
            assert entry["says"] == check.says
            assert entry["bound"] == pytest.approx(check.bound, abs=1e-6)
            assert entry["passed"] is check.passed
            assert entry["measured"] == (None if check.measured is None else pytest.approx(check.measured, abs=1e-6))
    assert content["robust"]["white_box_vs_gradient_free"]["measured"] is None
    assert set(content["baseline"]) - set(content["robust"]) == {"control"}


def test_round_trip(healthy: Evidence, tmp_path: Path) -> None:
    """What is loaded is what was saved, to six digits, and saving it again gives the same bytes."""
    models = {"baseline": sanity.checks(healthy, control=True), "robust": {}}
    checks.save(tmp_path / "one.json", models)
    loaded = checks.load(tmp_path / "one.json")
    assert {model: list(table) for model, table in loaded.items()} == {
        "baseline": list(models["baseline"]),
        "robust": [],
    }
    for name, check in models["baseline"].items():
        assert loaded["baseline"][name].says == check.says
        assert loaded["baseline"][name].measured == pytest.approx(check.measured, abs=1e-6)
        assert loaded["baseline"][name].bound == pytest.approx(check.bound, abs=1e-6)
    checks.save(tmp_path / "two.json", loaded)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


@pytest.mark.parametrize(
    "check",
    [
        Check("just above zero", 4e-7, 0.0),
        Check("just above a bound", 0.2000013, 0.2000010),
        Check("just below a bound", 0.2000007, 0.2000010),
        Check("at a bound", 0.01, 0.01),
        Check("not a number", float("nan"), 0.01),
        Check("not measured", None, 0.01),
        Check("far above", 1.0, 0.01),
    ],
    ids=lambda check: check.says,
)
def test_a_verdict_survives_the_disk(check: Check, tmp_path: Path) -> None:
    """A red check is red for whoever reads the file, a green one green, however close to the bound."""
    checks.save(tmp_path / "sanity.json", {"robust": {"check": check}})
    assert json.loads((tmp_path / "sanity.json").read_bytes())["robust"]["check"]["passed"] is check.passed
    assert checks.load(tmp_path / "sanity.json")["robust"]["check"].passed is check.passed


def test_missing_file(tmp_path: Path) -> None:
    """A missing file is named, with what makes it."""
    with pytest.raises(InputError, match=r"none\.json: no such file; `dvc repro` makes it"):
        checks.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"3",
        b'"checks"',
        b'{"robust": []}',
        b'{"robust": {"logits": true}}',
        b'{"robust": {"logits": {"says": "", "measured": 0}}}',
        b'{"robust": {"logits": {"says": "", "measured": "0", "bound": 0}}}',
        b'{"robust": {"logits": {"says": "", "measured": 0, "bound": null}}}',
    ],
)
def test_garbage(content: bytes, tmp_path: Path) -> None:
    """A file that holds something else is refused by name, not taken for checks that pass."""
    (tmp_path / "sanity.json").write_bytes(content)
    with pytest.raises(InputError, match=r"sanity\.json: not the checks of an evaluation"):
        checks.load(tmp_path / "sanity.json")


@pytest.mark.parametrize(
    ("measured", "said"),
    [(0.123456, "   0.1235 <= 0.01    "), (None, "  not run <= 0.01    "), (-0.5, "     -0.5 <= 0.01    ")],
)
def test_what_was_measured_is_as_wide_as_its_column(measured: float | None, said: str) -> None:
    """A number has four digits, what was not run says so, and both stand in a column of one width."""
    assert checks.amount(Check("says", measured, 0.01)) == f"{said:<21}"
