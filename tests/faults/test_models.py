"""A model file that is none, is not for these images, or would unpack to far more than it is: one line, in no time."""

import inspect
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from support.striped import linear, striped

from robust_digits import archive, runtime
from robust_digits.candidate import model as candidate
from robust_digits.data import images
from robust_digits.errors import InputError
from robust_digits.learn import models
from robust_digits.params import load
from robust_digits.runtime import keras
from stages import craft, evaluate, train_robust

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]

refused = pytest.mark.fault("refused")

ROOT = Path(__file__).parents[2]
L = keras.layers
Contents = dict[str, bytes]


def refusal(path: Path) -> str:
    """Return the one line that refuses a model, the same in the pipeline and where a model of one's own is judged."""
    few = striped(6)
    with pytest.raises(InputError) as here:
        models.load(path, few)
    with pytest.raises(InputError) as there:
        candidate.load(path, few.images)
    (line,) = str(here.value).splitlines()
    assert str(there.value) == line
    assert line.startswith(f"{path}: ")
    return line.removeprefix(f"{path}: ")


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    """Return what an intact model file holds."""
    path = tmp_path_factory.mktemp("model") / "intact.keras"
    models.save(linear(), path)
    with zipfile.ZipFile(path) as whole:
        return {name: whole.read(name) for name in whole.namelist()}


def write(path: Path, contents: Contents) -> Path:
    """Write a model file, packed as well as can be."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in contents.items():
            target.writestr(name, content)
    return path


def test_an_intact_model_is_read(contents: Contents, tmp_path: Path) -> None:
    """Packed or not, what is a model for these images is none of the faults below."""
    found = models.load(write(tmp_path / "model.keras", contents), striped(6))
    np.testing.assert_array_equal(found.get_weights()[0], linear().get_weights()[0])


# What unpacks to far more than it is


def weights(**declared: Any) -> bytes:  # noqa: ANN401 (what h5py takes)
    """Return an HDF5 file that declares an array it does not hold."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset("layers/dense/vars/0", dtype="float32", **declared)
    return content.getvalue()


@refused
def test_an_archive_that_unpacks_to_a_thousand_times_its_size(contents: Contents, tmp_path: Path) -> None:
    """Its sizes are looked at before anything is unpacked."""
    path = write(tmp_path / "bomb.keras", contents | {"model.weights.h5": bytes(80 * 2**20)})
    assert path.stat().st_size < 2**20
    assert refusal(path) == "expected to unpack to 64 MiB at most, by its size, got 80"


@refused
def test_weights_that_declare_more_than_they_hold(contents: Contents, tmp_path: Path) -> None:
    """An array of four gigabytes that were never written takes a kilobyte, until somebody reads it."""
    content = weights(shape=(2**30,), chunks=(2**20,))
    assert len(content) < 2**20
    path = write(tmp_path / "bomb.keras", contents | {"model.weights.h5": content})
    assert refusal(path) == "expected to unpack to 64 MiB at most, by its size, got 4,096"


@refused
def test_weights_that_are_not_measured(contents: Contents, tmp_path: Path) -> None:
    """Keras would read them from an .npz file, too, whose arrays may declare any size."""
    others = {name: content for name, content in contents.items() if name != "model.weights.h5"}
    path = write(tmp_path / "model.keras", others | {"model.weights.npz": b""})
    assert refusal(path).startswith("not a Keras 3 model: \"There is no item named 'model.weights.h5' in the archive")


def test_large_models_are_no_bombs(contents: Contents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What holds as many bytes as it declares may have any size; an archive of zeros may shrink to a tenth."""
    monkeypatch.setattr(archive, "_FREE", 2**20)
    noise = np.random.default_rng(0).bytes(2**21)
    for name, content in {"full": noise, "sparse": bytes(9 * 2**18) + noise[: 2**18]}.items():
        path = write(tmp_path / f"{name}.keras", contents | {"assets/words.bin": content})
        assert archive.config(path)["class_name"] == "Sequential"


# What is no model


def deep(times: int) -> bytes:
    """Return a configuration of layers inside layers."""
    return b'{"class_name": "Sequential", "module": "keras", "config": ' * times + b"{}" + b"}" * times


BROKEN: dict[str, tuple[Contents, str]] = {
    "no configuration": ({"config.json": b""}, "not a Keras 3 model: Expecting value"),
    "nested too deeply": ({"config.json": deep(100_000)}, "not a Keras 3 model: its config.json is nested too deeply"),
    "nested deeper than calls": ({"config.json": deep(1100)}, "not a Keras"),
    "nested deeply": ({"config.json": deep(300)}, "not a Keras"),
    "no object": ({"config.json": b"[]"}, "not a Keras"),
    "another class": ({"config.json": b'{"class_name": "Adam", "module": "keras", "config": {}}'}, "not a Keras"),
    "no weights": ({"model.weights.h5": b""}, "not a Keras 3 model: "),
    "traversal": ({"../../.bashrc": b""}, "not a Keras 3 model: it holds a file ../../.bashrc, outside of itself"),
    "absolute": ({"/etc/passwd": b""}, "not a Keras 3 model: it holds a file /etc/passwd, outside of itself"),
    "drive": ({"assets\\..\\..\\x": b""}, "not a Keras 3 model: it holds a file "),
}


@refused
@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_no_model_is_one_line(fault: str, contents: Contents, tmp_path: Path) -> None:
    """Whatever is wrong with an archive, the line has the file's name, and nothing is written beside it."""
    changed, says = BROKEN[fault]
    assert refusal(write(tmp_path / "model.keras", contents | changed)).startswith(says)
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


@refused
def test_weights_of_another_model(contents: Contents, tmp_path: Path) -> None:
    """Weights that do not fit the layers are refused with the first line of what Keras has to say of it."""
    config = json.loads(contents["config.json"])
    config["config"]["layers"][-1]["config"]["units"] = 3
    path = write(tmp_path / "model.keras", contents | {"config.json": json.dumps(config).encode()})
    assert refusal(path).startswith("not a Keras model: ")


# What is a model, but not for these images


def two_inputs() -> keras.Model:
    """Return a model that no image alone can be given to."""
    inputs = [keras.Input((6, 6, 1)), keras.Input((6, 6, 1))]
    return keras.Model(inputs, L.Dense(2)(L.Flatten()(L.Add()(inputs))))


def two_outputs() -> keras.Model:
    """Return a model that answers two questions."""
    inputs = keras.Input((6, 6, 1))
    return keras.Model(inputs, [L.Dense(2)(L.Flatten()(inputs)), L.Dense(3)(L.Flatten()(inputs))])


def sequence(shape: tuple[int, ...], *layers: keras.layers.Layer) -> Callable[[], keras.Model]:
    """Return a function that makes a plain sequence of layers."""
    return lambda: keras.Sequential([keras.Input(shape), *layers])


OTHERS: dict[str, tuple[Callable[[], keras.Model], str]] = {
    "another shape": (
        sequence((8, 8, 1), L.Flatten(), L.Dense(2)),
        "the model expects images of shape (8, 8, 1), the data has (6, 6, 1)",
    ),
    "two inputs": (two_inputs, "expected a model of one input and one output, got 2 and 1"),
    "two outputs": (two_outputs, "expected a model of one input and one output, got 1 and 2"),
    "pictures": (
        sequence((6, 6, 1), L.Conv2D(4, 3)),
        "expected an output for each of two classes at least, (n, classes), got (n, 4, 4, 4)",
    ),
}


@refused
@pytest.mark.parametrize("other", OTHERS)
def test_a_model_for_other_images_is_one_line(other: str, tmp_path: Path) -> None:
    """Shape, inputs and outputs are looked at before the first image is shown, in the pipeline as elsewhere."""
    made, says = OTHERS[other]
    made().save(tmp_path / "model.keras")
    assert refusal(tmp_path / "model.keras") == says


@refused
def test_fewer_classes_than_labels(tmp_path: Path) -> None:
    """A model that knows less than the labels ask would be right by accident only."""
    sequence((6, 6, 1), L.Flatten(), L.Dense(2))().save(tmp_path / "model.keras")
    few = striped(6)
    few.labels[3] = 2
    with pytest.raises(InputError, match=r"the model tells 2 classes apart, the data has labels up to 2"):
        models.load(tmp_path / "model.keras", few)


@refused
@pytest.mark.parametrize(
    ("stage", "inputs"),
    [
        (craft, ["fgm", "model.keras", "set", "set"]),
        (train_robust, ["set", "set", "model.keras"]),
        (evaluate, ["model.keras", "set", "set"]),
    ],
)
def test_every_stage_that_is_given_a_model_looks(
    stage: Any,  # noqa: ANN401 (a module)
    inputs: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The stages that read a model refuse one for other images before they write anything."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(runtime, "start", lambda **_: None)  # it has started
    shutil.copyfile(ROOT / "params.yaml", "params.yaml")
    images.save(Path("set"), [striped(6)], count=6)
    two_inputs().save("model.keras")
    outputs = [f"out/{number}" for number in range(len(inspect.signature(stage.main).parameters) - 1 - len(inputs))]
    with pytest.raises(InputError, match=r"^model\.keras: expected a model of one input and one output, got 2 and 1$"):
        stage.main(load(stage.Params), *(word if word == "fgm" else Path(word) for word in [*inputs, *outputs]))
    assert not Path("out").exists()
