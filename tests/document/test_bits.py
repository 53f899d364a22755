"""A document says which operations give other bits on which processor."""

from pathlib import Path

import pytest

from robust_digits.errors import InputError
from robust_digits.record import pages


def test_each_processor_is_held_against_the_first(tmp_path: Path) -> None:
    """What has the digest of the first processor is the same, another one is not, and none says nothing."""
    text = "operation,Xeon,EPYC,Haswell\nsquare root,a1,a1,a1\nsoftmax,b2,c3,b2\nsum,d4,,d4\n"
    (tmp_path / "bits.csv").write_text(text, encoding="utf-8")
    page = pages.fill("<!-- bits: bits.csv --><!-- end -->", tmp_path, order=())
    assert page.splitlines()[1:-1] == [
        "| as on Xeon | EPYC | Haswell |",
        "| --- | --- | --- |",
        "| square root | same | same |",
        "| softmax | **other** | same |",
        "| sum | not asked | same |",
    ]


@pytest.mark.parametrize("text", ["", "operation,Xeon\nsoftmax,a1\n", "a,b,c\n1,2,3\n"])
def test_what_compares_nothing_is_refused(tmp_path: Path, text: str) -> None:
    """A file of one processor, or of something else, makes no table."""
    (tmp_path / "bits.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"not what benchmarks/bits\.py writes"):
        pages.fill("<!-- bits: bits.csv --><!-- end -->", tmp_path, order=())
