"""Inputs are counted, and a longer run tries more of them."""

import pytest
from faults.fuzzing import TRIED, VARIABLE, examples
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(("times", "tried"), [(None, 20), ("3", 60)])
def test_every_input_is_counted(monkeypatch: pytest.MonkeyPatch, times: str | None, tried: int) -> None:
    """The number is what was asked for, times what the environment says."""
    monkeypatch.delenv(VARIABLE, raising=False)
    if times:
        monkeypatch.setenv(VARIABLE, times)
    seen = []

    @examples(20)
    @given(st.integers())
    def sample(number: int) -> None:
        seen.append(number)

    sample()
    assert len(seen) == tried
    assert TRIED.pop("sample") == tried
