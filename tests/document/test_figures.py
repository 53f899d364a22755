"""A figure in a document is found in its file and printed as told, or refused in one line."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_digits.document import figures
from robust_digits.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with metrics and a study."""
    (tmp_path / "metrics").mkdir()
    content = {
        "accuracy": {"clean": 0.98615, "worst_case": 0.0},
        "certified": {"accuracy": None},
        "seconds": 761,
        "weights": 693962,
    }
    (tmp_path / "metrics" / "robust.json").write_text(json.dumps(content), encoding="utf-8")
    table = 'value,clean,worst\n3,0.9,0.5\n"one, two",0.95,0.7\nx (y),0.8,\n'
    (tmp_path / "study.csv").write_text(table, encoding="utf-8")
    counted = "value,images,fewer,clean,pgd\na,200,,0.9,0.5\nb,50,pgd 20; bim 10,1.0,0.5\n"
    (tmp_path / "counted.csv").write_text(counted, encoding="utf-8")
    (tmp_path / "curve.csv").write_text("eps,robust\n0.0,0.9\n0.05,0.25\n", encoding="utf-8")
    (tmp_path / "empty.csv").write_text("value,clean\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("named", "text"),
    [
        ("metrics/robust.json accuracy.clean", "98.6%"),
        ("metrics/robust.json accuracy.clean .2", "98.61%"),
        ("metrics/robust.json accuracy.clean .0", "99%"),
        ("metrics/robust.json error accuracy.clean .2", "1.39%"),
        ("metrics/robust.json accuracy.worst_case", "0.0%"),
        ("metrics/robust.json number seconds", "761"),
        ("metrics/robust.json number seconds .2", "761.00"),
        ("metrics/robust.json minutes seconds", "13"),
        ("metrics/robust.json minutes seconds .1", "12.7"),
        ("metrics/robust.json number weights", "693,962"),
        ("study.csv clean[3]", "90.0%"),
        ("study.csv clean[one, two]", "95.0%"),
        ("study.csv clean[x (y)]", "80.0%"),
        ("study.csv clean", "80.0% to 95.0%"),
        ("study.csv clean[3; one, two]", "90.0% to 95.0%"),
        ("study.csv clean[3; 3]", "90.0%"),
        ("study.csv min clean", "80.0%"),
        ("study.csv max clean .0", "95%"),
        ("study.csv mean clean[3; one, two]", "92.5%"),
        ("study.csv error min clean", "5.0%"),
        ("study.csv worst[3; one, two]", "50.0% to 70.0%"),
        ("counted.csv interval clean[a]", "90.0% (85.1 to 93.4)"),
        ("counted.csv interval clean[b] .0", "100% (93 to 100)"),
        ("counted.csv interval pgd[b]", "50.0% (29.9 to 70.1)"),
        ("curve.csv robust[0.05]", "25.0%"),
    ],
)
def test_figures(named: str, text: str, folder: Path) -> None:
    """Shares are percent of one decimal if not told otherwise; several are a span, or one end of it."""
    assert figures.text(named, folder) == text


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("", "expected a file"),
        ("study.csv", "expected a file"),
        ("study.csv clean[3", "expected a file"),
        ("study.csv clean .x", "expected a file"),
        ("none.json accuracy.clean", r"none\.json: no such file"),
        ("none.csv clean", r"none\.csv: no such file"),
        ("metrics/robust.json accuracy.pgd", "expected a share under accuracy.pgd"),
        ("metrics/robust.json accuracy", "expected a share under accuracy"),
        ("metrics/robust.json certified.accuracy", "expected a share under certified.accuracy"),
        ("study.csv pgd", "expected a share in pgd"),
        ("study.csv clean[4]", "expected a share in clean, rows 4"),
        ("study.csv worst", "expected a share in worst"),
        ("empty.csv clean", "expected one row at least"),
        ("counted.csv interval clean", "expected one row for an interval of clean"),
        ("counted.csv interval clean[a; b]", "expected one row for an interval of clean"),
        ("counted.csv interval mean clean[a]", "expected an interval of one row, not of the mean"),
        ("study.csv interval clean[3]", "expected on how many images clean was measured, row 3"),
        ("metrics/robust.json interval accuracy.clean", "expected "),
    ],
)
def test_what_is_no_figure_is_refused(named: str, says: str, folder: Path) -> None:
    """The line names the file and what it lacks."""
    with pytest.raises(InputError, match=says) as caught:
        figures.text(named, folder)
    assert len(str(caught.value).splitlines()) == 1


@given(st.text(max_size=60))
def test_any_text_is_a_figure_or_refused(named: str) -> None:
    """Nothing but the refusal is raised, whatever a mark says."""
    with pytest.raises(InputError):
        figures.text(named, Path("nowhere"))


@given(st.floats(0, 1), st.integers(0, 4))
def test_shares_are_rounded_as_python_rounds(share: float, decimals: int) -> None:
    """The printed figure is within half of its last digit."""
    folder = Path("/tmp")  # noqa: S108 (nothing is written)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_bytes", lambda _: json.dumps({"share": share}).encode())
        text = figures.text(f"metrics.json share .{decimals}", folder)
    assert text.endswith("%")
    assert abs(float(text[:-1]) - 100 * share) <= 0.5 * 10**-decimals + 1e-9
