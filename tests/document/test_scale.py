"""What more images and machines would take follows from the records by multiplication alone."""

import json
from pathlib import Path

import pytest

from robust_digits.errors import InputError
from robust_digits.record import pages


def write(path: Path, content: object) -> None:
    """Write a file of a record, JSON for YAML too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """Return records: an image is judged in 0.36 s and trained on in 0.01 s an epoch, a run takes 108 s."""
    mnist, digits = tmp_path / "mnist-ibp", tmp_path / "digits"
    write(mnist / "training.json", {"hardened": 5700})
    write(mnist / "evaluation.json", {"hardened": 3600})
    write(mnist / "params.yaml", {"models": ["hardened"], "harden": {"epochs": 10}})
    write(mnist / "metrics/details/hardened.json", {"accuracy.worst_case": {"images": 10_000}})
    write(digits / "training.json", {"baseline": 8, "hardened": 20})
    write(digits / "evaluation.json", {"baseline": 30, "hardened": 50})
    write(digits / "params.yaml", {"models": ["baseline", "hardened"]})
    return tmp_path


def test_what_can_be_shared_out_is_divided(records: Path) -> None:
    """Attacks and runs take a tenth on ten machines; an epoch of training and moving files take the same on any."""
    page = pages.fill("<!-- scale: . --><!-- end -->", records, order=())
    assert page.splitlines()[1:-1] == [
        "|  | 1 machine | 10 machines | 100 machines |",
        "| --- | --- | --- | --- |",
        "| attack and prove 60 million images, one model | 250 days | 25 days | 2 days |",
        "| hand them over as blocks, by one scheduler at 1 Gbit/s | nothing | 3 h | 3 h |",
        "| train on them, an epoch | 7 days | 7 days | 7 days |",
        "| hash them, once a file | 6 min | 6 min | 6 min |",
        "| push or pull them at 1 Gbit/s | 25 min | 25 min | 25 min |",
        "| a study of 1000 runs on the digits | 30 h | 3 h | 18 min |",
    ]


def test_less_than_two_minutes_are_seconds(records: Path) -> None:
    """A time that is short has its cell too."""
    write(records / "digits/training.json", {"baseline": 1, "hardened": 1})
    write(records / "digits/evaluation.json", {"baseline": 2, "hardened": 4})
    page = pages.fill("<!-- scale: . --><!-- end -->", records, order=())
    assert page.splitlines()[-2] == "| a study of 1000 runs on the digits | 2 h | 13 min | 80 s |"


@pytest.mark.parametrize("content", ["1", "{", '{"hardened": "1 h"}'])
def test_records_without_seconds_are_refused(records: Path, content: str) -> None:
    """Nothing is worked out from a record that does not say how long it took."""
    (records / "mnist-ibp/training.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="not the records of mnist-ibp and digits"):
        pages.fill("<!-- scale: . --><!-- end -->", records, order=())


@pytest.mark.parametrize("known", [{}, {"baseline": 8}])
def test_the_seconds_of_every_model_are_needed(records: Path, known: dict[str, int]) -> None:
    """A record leaves out what another machine made: the sum over the rest is not what a run takes."""
    write(records / "digits/evaluation.json", known)
    missing = "hardened" if known else "baseline, hardened"
    with pytest.raises(
        InputError, match=rf"digits/evaluation\.json: expected the seconds of every model, got none of {missing};"
    ):
        pages.fill("<!-- scale: . --><!-- end -->", records, order=())


def test_a_record_that_is_not_there_is_named(records: Path) -> None:
    """A missing file is named."""
    (records / "digits/evaluation.json").unlink()
    with pytest.raises(InputError, match=r"evaluation\.json: no such file"):
        pages.fill("<!-- scale: . --><!-- end -->", records, order=())
