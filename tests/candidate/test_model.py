"""Any Keras model that classifies images becomes one that gives logits; what is none is refused and never run."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from robust_digits import archive as declared
from robust_digits.candidate import archive, graph, model
from robust_digits.errors import InputError
from robust_digits.runtime import keras

pytestmark = pytest.mark.usefixtures("tensorflow")

Images = NDArray[np.float32]
L = keras.layers


def functional(*end: Any, shape: tuple[int | None, ...] = (32, 32, 3)) -> keras.Model:  # noqa: ANN401 (layers)
    """Return a functional model with BatchNormalization and a way around a layer, behind it the layers of an end."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape)
    first = L.Conv2D(4, 3, strides=4, padding="same")(inputs)
    normal = L.ReLU()(L.BatchNormalization(moving_variance_initializer=keras.initializers.Constant(0.5))(first))
    outputs = L.GlobalAveragePooling2D()(L.Add()([first, normal]))
    for layer in end:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


def nested() -> keras.Model:
    """Return a sequence whose last layer is a model that ends in a softmax."""
    front = keras.Sequential([keras.Input((32, 32, 3)), L.Rescaling(255), L.Flatten()])
    return keras.Sequential([front, keras.Sequential([L.Dropout(0.5), L.Dense(5), L.Softmax()])])


def nested_functional() -> keras.Model:
    """Return a functional model around one that ends in a softmax."""
    inputs = keras.Input((32, 32, 3))
    return keras.Model(inputs, functional(L.Dense(5, activation="softmax"))(inputs))


def twice() -> keras.Model:
    """Return a model whose last layer, with its softmax, is also the one before."""
    shared = L.Dense(5, activation="softmax")
    return functional(L.Dense(5), shared, shared)


def nested_of_two_inputs() -> keras.Model:
    """Return a functional model around one that ends in a softmax and is given two tensors."""
    inner = [keras.Input((32, 32, 3)), keras.Input((32, 32, 3))]
    both = keras.Model(inner, L.Dense(5, activation="softmax")(L.Flatten()(L.Add()(inner))))
    inputs = keras.Input((32, 32, 3))
    return keras.Model(inputs, both([inputs, L.Rescaling(0.5)(inputs)]))


def nested_of_two_outputs() -> keras.Model:
    """Return a functional model that gives the second answer of one that gives two, each after a softmax."""
    inner = keras.Input((32, 32, 3))
    flat = L.Flatten()(inner)
    both = keras.Model(inner, [L.Dense(3, activation="softmax")(flat), L.Dense(5, activation="softmax")(flat)])
    inputs = keras.Input((32, 32, 3))
    return keras.Model(inputs, both(inputs)[1])


def saved(made: keras.Model, folder: Path) -> Path:
    """Save a model as its owner does."""
    path = folder / "my.keras"
    made.save(path)
    return path


ENDS: dict[str, Callable[[], keras.Model]] = {
    "a layer": lambda: functional(L.Dense(5), L.Softmax()),
    "a layer by its axes": lambda: functional(L.Dense(5), L.Softmax(axis=[-1])),
    "an activation": lambda: functional(L.Dense(5), L.Activation("softmax")),
    "an operation": lambda: functional(L.Dense(5), keras.ops.softmax),
    "of the last layer": lambda: functional(L.Dense(5, activation="softmax")),
    "nested": nested,
    "nested functional": nested_functional,
    "a plain sequence": lambda: keras.Sequential([keras.Input((32, 32, 3)), L.Flatten(), L.Dense(5, "softmax")]),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_softmax_is_taken_off(end: str, images: Images, tmp_path: Path) -> None:
    """What is left gives, by a softmax, the same probabilities, and says that it was done."""
    made = ENDS[end]()
    found = model.load(saved(made, tmp_path), images)
    logits = np.asarray(found.model(images, training=False))
    np.testing.assert_allclose(keras.ops.softmax(logits), made(images, training=False), atol=1e-5)
    assert np.abs(logits.sum(axis=1) - 1).max() > 0.01
    assert found.classes == 5
    assert "softmax at the end taken off" in found.note


def test_with_a_softmax_or_without_is_the_same_model(images: Images, tmp_path: Path) -> None:
    """A model that ends in a softmax is judged as the one of the same weights that ends in logits, to the bit."""
    ended, bare = functional(L.Dense(5, activation="softmax")), functional(L.Dense(5))
    bare.set_weights(ended.get_weights())
    (tmp_path / "bare").mkdir()
    found = model.load(saved(ended, tmp_path), images).model(images, training=False)
    expected = model.load(saved(bare, tmp_path / "bare"), images)
    assert "as it is" in expected.note
    np.testing.assert_array_equal(found, expected.model(images, training=False))


def test_other_probabilities_are_seen_through_the_logarithm(images: Images, tmp_path: Path) -> None:
    """What cannot be taken apart keeps its classes, and its logarithms stay finite; a shared layer is not changed."""
    ended = functional(L.Dense(5), L.Softmax(), L.Identity())
    for made in (ended, twice(), nested_of_two_inputs(), nested_of_two_outputs()):
        found = model.load(saved(made, tmp_path), images)
        np.testing.assert_allclose(keras.ops.exp(found.model(images)), made(images, training=False), atol=1e-5)
        assert "logarithm" in found.note


def test_what_an_attempt_left_behind_is_not_judged(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever came of taking a softmax off, the model that is seen through the logarithm is the one in the file."""

    def give_up(spoilt: keras.Model) -> None:
        spoilt.layers[-1].activation = keras.activations.linear

    monkeypatch.setattr(graph, "without_softmax", give_up)
    made = functional(L.Dense(5, activation="softmax"))
    found = model.load(saved(made, tmp_path), images)
    np.testing.assert_allclose(keras.ops.exp(found.model(images)), made(images, training=False), atol=1e-5)


def test_a_plain_chain_becomes_a_sequence(images: Images, tmp_path: Path) -> None:
    """A functional model without branches, nested or not, can be certified as a sequence can."""
    inputs = keras.Input((32, 32, 3))
    made = keras.Model(inputs, L.Dense(5)(L.Flatten()(L.Conv2D(2, 3, activation="relu")(inputs))))
    found = model.load(saved(keras.Sequential([keras.Input((32, 32, 3)), made]), tmp_path), images)
    assert isinstance(found.model, keras.Sequential)
    assert [type(layer) for layer in found.model.layers] == [L.Conv2D, L.Flatten, L.Dense]
    np.testing.assert_allclose(found.model(images), made(images), atol=1e-6)


def test_open_sizes_are_those_of_the_data(images: Images, tmp_path: Path) -> None:
    """A model for images of any size is fixed to the one at hand."""
    found = model.load(saved(functional(L.Dense(5), shape=(None, None, 3)), tmp_path), images)
    assert found.model.input_shape == (None, 32, 32, 3)


@pytest.mark.parametrize("shape", [(8, 8), (64,)])
def test_grey_images_are_reshaped(shape: tuple[int, ...], tmp_path: Path) -> None:
    """A model may take grey images without channels, or as rows of pixels."""
    images = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
    made = keras.Sequential([keras.Input(shape), *([L.Flatten()] if len(shape) > 1 else []), L.Dense(3)])
    found = model.load(saved(made, tmp_path), images)
    np.testing.assert_allclose(found.model(images), made(images.reshape(3, *shape)), atol=1e-6)
    assert "reshaped" in found.note


def two_inputs() -> keras.Model:
    """Return a model that no image alone can be given to."""
    inputs = [keras.Input((32, 32, 3)), keras.Input((32, 32, 3))]
    return keras.Model(inputs, L.Dense(2)(L.Flatten()(L.Add()(inputs))))


def two_outputs() -> keras.Model:
    """Return a model that answers two questions."""
    inputs = keras.Input((32, 32, 3))
    flat = L.Flatten()(inputs)
    return keras.Model(inputs, [L.Dense(2)(flat), L.Dense(3)(flat)])


FAULTS: dict[str, tuple[Callable[[], keras.Model], str]] = {
    "two inputs": (two_inputs, "one input and one output, got 2 and 1"),
    "two outputs": (two_outputs, "one input and one output, got 1 and 2"),
    "one class": (lambda: functional(L.Dense(1, activation="sigmoid")), r"two classes at least.*got \(n, 1\)"),
    "a picture": (lambda: keras.Sequential([keras.Input((32, 32, 3)), L.Conv2D(4, 3)]), "two classes at least"),
    "another size": (
        lambda: functional(L.Dense(5), shape=(28, 28, 1)),
        r"images of shape \(28, 28, 1\), the data has \(32, 32, 3\)$",
    ),
    "channels first": (
        lambda: keras.Sequential([keras.Input((3, 32, 32)), L.Flatten(), L.Dense(2)]),
        "the model has channels first",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_classifier_of_these_images_is_refused(fault: str, images: Images, tmp_path: Path) -> None:
    """Every fault is one line that says what was expected and what there is."""
    made, says = FAULTS[fault]
    with pytest.raises(InputError, match=says) as refused:
        model.load(saved(made(), tmp_path), images)
    assert "\n" not in str(refused.value)


def test_data_with_channels_first_get_a_hint(images: Images, tmp_path: Path) -> None:
    """The line says how to put channels last."""
    with pytest.raises(InputError, match="the data has channels first"):
        model.load(saved(functional(L.Dense(5)), tmp_path), np.moveaxis(images, -1, 1))


@pytest.mark.fault("refused")
def test_code_in_the_file_is_refused_and_not_run(images: Images, tmp_path: Path) -> None:
    """A Lambda layer that would write a file is refused, and no file is written."""
    mark = tmp_path / "ran"
    path = tmp_path / "my.keras"
    code = f"open({str(mark)!r}, 'w').close()"

    def evil(inputs: Any, code: str = code) -> Any:  # noqa: ANN401 (tensors)
        exec(code)  # noqa: S102 (what must not happen)
        return inputs

    made = keras.Sequential([keras.Input((32, 32, 3)), L.Lambda(evil), L.Flatten(), L.Dense(2)])
    made.save(path)
    mark.unlink()  # building the model ran it
    with pytest.raises(InputError, match="Lambda layer, code of its own that is not run"):
        model.load(path, images)
    assert not mark.exists()


@pytest.mark.fault("refused")
def test_custom_objects_are_refused(images: Images, tmp_path: Path) -> None:
    """A layer whose class is not one of Keras is refused by its name, even where the class could be found."""

    class Mine(keras.layers.Layer):  # type: ignore[misc] # Keras has no types
        def call(self, inputs: Any) -> Any:  # noqa: ANN401 (tensors)
            return inputs

    made = keras.Sequential([keras.Input((32, 32, 3)), Mine(), L.Flatten(), L.Dense(2)])
    with pytest.raises(InputError, match="custom object, Mine"):
        model.load(saved(made, tmp_path), images)


@pytest.mark.fault("refused")
def test_code_is_found_however_deep_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newer Pythons read configurations that are nested deeper than functions may call themselves."""
    config: dict[str, Any] = {"module": "keras.layers", "class_name": "Lambda"}
    for _ in range(10_000):
        config = {"module": "keras", "class_name": "Sequential", "config": {"layers": [config]}}
    monkeypatch.setattr(declared, "config", lambda _: config)
    (tmp_path / "my.keras").touch()
    with pytest.raises(InputError, match="Lambda layer"):
        archive.refuse_foreign(tmp_path / "my.keras")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("my.pt", b"\x80\x02", "a PyTorch file"),
        ("my.keras", b"words", "not a Keras 3 model"),
        ("my.h5", b"\x89HDF\r\n", "not a Keras 3 model"),
    ],
)
@pytest.mark.fault("refused")
def test_what_is_no_model_is_refused(name: str, content: bytes, says: str, images: Images, tmp_path: Path) -> None:
    """Another kind of file is refused as what it is."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        model.load(path, images)
    with pytest.raises(InputError, match="no such file"):
        model.load(tmp_path / "none.keras", images)


@pytest.mark.fault("refused")
def test_a_torch_archive_is_told_from_a_model(images: Images, tmp_path: Path) -> None:
    """What torch.save writes is known by what it holds, whatever it is called."""
    path = tmp_path / "my.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    with pytest.raises(InputError, match="a PyTorch file"):
        model.load(path, images)
