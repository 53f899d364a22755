"""A long attack begins where no suite does, and at what the suite left."""

from pathlib import Path

import numpy as np
import pytest

from robust_digits.errors import InputError

pytestmark = pytest.mark.usefixtures("tensorflow")


@pytest.mark.parametrize(("again", "kind"), [(0, "block"), (2, "block"), (3, "row"), (6, "column"), (9, "block")])
def test_starts_are_blocks_rows_and_columns(again: int, kind: str) -> None:
    """Every loss takes blocks of one sign in turn, then rows, then columns, then blocks again; all pixels are moved."""
    from benchmarks import long_attack

    for seed in range(8):
        size = int(np.random.default_rng(seed).choice(long_attack.SIZES))
        high, wide = {"block": (size, size), "row": (size, 28), "column": (28, size)}[kind]
        signs = long_attack.pattern(np.random.default_rng(seed), (28, 28, 1), again)
        assert signs.shape == (28, 28, 1)
        assert (np.abs(signs) == 1).all()
        corners = np.ix_(np.arange(28) // high * high, np.arange(28) // wide * wide)
        np.testing.assert_array_equal(signs, signs[corners])


def test_what_stood_is_read_from_verdicts(tmp_path: Path) -> None:
    """The worst case of the first images counts; a file of fewer images is one line."""
    from benchmarks import long_attack

    path = tmp_path / "verdicts.csv"
    path.write_text("index,worst_case\n0,1\n1,0\n2,1\n", encoding="utf-8")
    assert long_attack.stood(path, 2).tolist() == [True, False]
    with pytest.raises(InputError, match=r"expected verdicts on 4 images, got 3"):
        long_attack.stood(path, 4)
