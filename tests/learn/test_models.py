"""A model file is the same bytes for the same weights, opens in plain Keras, and cannot run code."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from robust_digits.errors import InputError
from robust_digits.learn import models, networks
from robust_digits.runtime import keras

pytestmark = pytest.mark.usefixtures("tensorflow")


def network() -> keras.Model:
    """Return a small untrained network."""
    return networks.build("one_convolution", shape=(6, 6, 1), classes=3)


def test_plain_keras_opens_the_file(tmp_path: Path) -> None:
    """`keras.saving.load_model` needs nothing of this project to open a model, which answers as it did."""
    model = network()
    models.save(model, tmp_path / "model.keras")
    images = np.random.default_rng(0).random((5, 6, 6, 1), np.float32)
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images), model(images))
    assert not loaded.compiled


def test_same_weights_same_bytes(tmp_path: Path) -> None:
    """Two objects with the same weights give the same file: no time of writing, no memory address."""
    kept = []  # so that the second model cannot lie at the addresses of the first
    for name in ("first", "second"):
        keras.utils.clear_session()  # layers are named by number
        keras.utils.set_random_seed(0)
        kept.append(network())
        models.save(kept[-1], tmp_path / f"{name}.keras")
    assert (tmp_path / "first.keras").read_bytes() == (tmp_path / "second.keras").read_bytes()
    with zipfile.ZipFile(tmp_path / "first.keras") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"date_saved" not in archive.read("metadata.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.keras", "second.keras"]


def test_fresh_weights_differ() -> None:
    """A fresh model has the same architecture and other weights."""
    model = network()
    fresh = models.fresh(model)
    assert [type(layer) for layer in fresh.layers] == [type(layer) for layer in model.layers]
    assert not np.array_equal(fresh.get_weights()[0], model.get_weights()[0])


@pytest.mark.parametrize("content", [None, b"", b"not a model", b"PK\x03\x04 cut off"])
@pytest.mark.fault("refused")
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A missing, empty or broken file is one clear line that names it."""
    path = tmp_path / "model.keras"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=str(path)):
        models.load(path)


@pytest.mark.fault("refused")
def test_layers_without_an_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that Keras cannot walk to the ground of is one line, the same wherever Python gave up."""

    def endless(*_: object, **__: object) -> None:
        raise RecursionError("maximum recursion depth exceeded in a comparison")

    models.save(network(), tmp_path / "model.keras")
    monkeypatch.setattr(keras.saving, "load_model", endless)
    with pytest.raises(InputError, match=r"model\.keras: not a Keras model: its layers are nested too deeply$"):
        models.load(tmp_path / "model.keras")


@pytest.mark.fault("refused")
def test_code_in_a_model_is_refused(tmp_path: Path) -> None:
    """A model that carries Python code is not loaded (Keras safe mode)."""
    path = tmp_path / "model.keras"
    keras.Sequential([keras.layers.Input((2,)), keras.layers.Lambda(lambda x: x)]).save(path)
    with pytest.raises(InputError, match="Lambda"):
        models.load(path)


@pytest.mark.fault("refused")
def test_a_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose writing fails leaves the file that was there, and nothing else."""
    path = tmp_path / "model.keras"
    models.save(network(), path)
    before = path.read_bytes()

    def fail(_: bytes) -> bytes:
        raise OSError("disk full")

    monkeypatch.setitem(models._REWRITTEN, "config.json", fail)  # noqa: SLF001 (the last step of writing)
    with pytest.raises(OSError, match="disk full"):
        models.save(network(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
