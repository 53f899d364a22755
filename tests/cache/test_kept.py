"""Arrays come back from the user's cache as they were written, or not at all."""

from pathlib import Path

import numpy as np
import pytest

from robust_digits.cache import kept

ARRAYS = {"loss": np.array([1, np.nan]), "best": np.full((2, 3), 7, np.float32), "none": np.zeros((0, 2), np.uint8)}


def saved(path: Path) -> Path:
    """Write the arrays, and return where."""
    assert kept.save(path, ARRAYS, otherwise="it begins anew")
    return path


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    """Names, types, shapes and values, and nothing beside them."""
    found = kept.load(saved(tmp_path / "deep" / "state.npz"), otherwise="it begins anew")
    assert found is not None
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array, strict=True)


def test_nothing_is_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing was kept, nothing is said either."""
    assert kept.load(tmp_path / "state.npz", otherwise="it begins anew") is None
    assert capsys.readouterr().err == ""


@pytest.mark.fault("recovered")
@pytest.mark.parametrize("change", ["value", "name", "torn"])
def test_what_was_not_written_there_is_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str) -> None:
    """A value or name that changed does not fit the checksum, which itself is whole; one line says so."""
    path = saved(tmp_path / "state.npz")
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    if change == "torn":
        path.write_bytes(path.read_bytes()[:-9])
    else:
        arrays["best" if change == "value" else "first"] = arrays.pop("best") + np.float32(change == "value")
        np.savez(path, **arrays)
    assert kept.load(path, otherwise="it begins anew") is None
    said = capsys.readouterr().err
    assert said.startswith(f"{path}: cannot be read (")
    assert said.endswith("); it begins anew\n")


@pytest.mark.fault("recovered")
def test_what_cannot_be_kept_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The work goes on."""
    (tmp_path / "file").touch()
    assert not kept.save(tmp_path / "file" / "state.npz", ARRAYS, otherwise="it begins anew")
    assert capsys.readouterr().err.endswith("; it begins anew\n")
