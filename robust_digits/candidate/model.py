"""Load anybody's Keras model and make it what attacks need: images of one shape in, logits out, the same weights.

Nothing that comes with the file is run: Keras' safe mode, and before it a look at which classes the file names.
"""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.errors import InputError
from robust_digits.judge import indicators
from robust_digits.learn import models
from robust_digits.runtime import keras

_LOGITS = "ends in logits: judged as it is"
_TAKEN_OFF = "softmax at the end taken off: judged by the logits before it"
_LOGARITHM = "gives probabilities that cannot be taken apart: seen through their logarithm"
_RESHAPED = "images reshaped to what it expects"
_SMALLEST = 1e-37  # what a probability of 0 counts as: near the least of float32, so that its logarithm is finite
_CLOSE = 1e-4  # of probabilities that are to be the same
_FEW = 64  # images that show what a model gives
_TORCH = (".pt", ".pth", ".ckpt", ".safetensors")
_IMAGE_AXES = 3


@dataclass(frozen=True)
class Candidate:
    """A model that gives logits (n, classes) for images of the data's shape, and in one line what was done to it."""

    model: keras.Model
    classes: int
    note: str


def load(path: Path, images: NDArray[np.float32]) -> Candidate:
    """Return the model in a `.keras` file, ready to be judged on `images`, float32 (n, height, width, channels).

    Raises
    ------
    InputError
        If the file is not a model, would run code of its own, or is no classifier of such images.
    """
    _refuse_foreign(path)
    model = models.load(path)
    reshaped = _check_shapes(model, images.shape[1:], where=path)
    model = _plain(model)
    few = np.asarray(images[:_FEW])
    shown = few.reshape(len(few), *reshaped) if reshaped else few
    before = np.asarray(model(shown, training=False))
    found, note = _logits(path, model, before, few=few, reshaped=reshaped)
    return Candidate(found, int(before.shape[-1]), f"{note}; {_RESHAPED}" if reshaped else note)


def _logits(
    path: Path, model: keras.Model, before: NDArray[np.float32], *, few: NDArray[np.float32], reshaped: tuple[int, ...]
) -> tuple[keras.Model, str]:
    """Return a model of the same answers whose last word is logits, and what was done for it.

    `before` is what the model answered for the `few` images.
    """
    shape = few.shape[1:]
    if not indicators.probabilities(before).all():
        return _fitted(model, shape, reshaped), _LOGITS
    bare = _without_softmax(model)
    if bare is not None:
        fitted = _fitted(bare, shape, reshaped)
        after = keras.ops.softmax(fitted(few, training=False))
        if np.allclose(before, after, atol=_CLOSE):
            return fitted, _TAKEN_OFF
        model = _plain(models.load(path))  # its last layer, changed above, is used elsewhere too
    inputs = keras.Input(shape)
    outputs = _fitted(model, shape, reshaped)(inputs)
    return keras.Model(inputs, keras.ops.log(keras.ops.maximum(outputs, _SMALLEST))), _LOGARITHM


def _plain(model: keras.Model) -> keras.Model:
    """Return the model with its one input and output as tensors, which it may keep in lists or by names."""
    return model if isinstance(model, keras.Sequential) else keras.Model(model.inputs[0], model.outputs[0])


def _without_softmax(model: keras.Model) -> keras.Model | None:
    """Return the model without the softmax that it ends in, inside whatever model it ends; None if there is none."""
    if isinstance(model, keras.Sequential):
        *others, last = model.layers
        bare = _bare(last)
        if bare is None:
            return None
        return keras.Sequential([keras.Input(model.input_shape[1:]), *others, *bare])
    history = model.outputs[0]._keras_history  # noqa: SLF001 (how Keras itself walks a graph)
    node = history.operation._inbound_nodes[history.node_index]  # noqa: SLF001
    bare = _bare(history.operation)
    if bare is None or len(node.input_tensors) != 1:
        return None
    outputs = node.input_tensors[0]
    for layer in bare:
        outputs = layer(outputs)
    return keras.Model(model.inputs[0], outputs)


def _bare(layer: keras.layers.Layer) -> list[keras.layers.Layer] | None:
    """Return what a layer does before its softmax, as layers; None if it does not end in one."""
    if isinstance(layer, keras.Model):
        within = _without_softmax(layer)
        return None if within is None else [within]
    if type(layer).__name__ == "Softmax":  # the layer, or the operation that keras.ops.softmax leaves in a graph
        return [] if layer.axis in {-1, 1} else None
    if getattr(layer, "activation", None) is not keras.activations.softmax:
        return None
    if type(layer) is keras.layers.Activation:
        return []
    layer.activation = keras.activations.linear
    return [layer]


def _fitted(model: keras.Model, shape: tuple[int, ...], reshaped: tuple[int, ...]) -> keras.Model:
    """Return the model for images of one shape: a plain sequence of layers where it is one, which can be certified."""
    chain = _chain(model)
    if chain is not None:
        flat = chain and type(chain[0]) is keras.layers.Flatten
        front = [keras.layers.Reshape(reshaped)] if reshaped and not flat else []
        return keras.Sequential([keras.Input(shape), *front, *chain])
    if not reshaped and tuple(model.input_shape[1:]) == shape:
        return model
    inputs = keras.Input(shape)
    return keras.Model(inputs, model(keras.layers.Reshape(reshaped)(inputs) if reshaped else inputs))


def _chain(model: keras.Model) -> list[keras.layers.Layer] | None:
    """Return the layers of a model, and of those inside it, if each does nothing but what the one before hands it."""
    layers = _in_order(model)
    if layers is None:
        return None
    found: list[keras.layers.Layer] = []
    for layer in layers:
        within = _chain(layer) if isinstance(layer, keras.Model) else [layer]
        if within is None:
            return None
        found += within
    return found if len({id(layer) for layer in found}) == len(found) else None


def _in_order(model: keras.Model) -> list[keras.layers.Layer] | None:
    """Return the layers from the input of a model to its output, or None where the way divides."""
    if isinstance(model, keras.Sequential):
        return list(model.layers)
    found: list[keras.layers.Layer] = []
    tensor = model.outputs[0]
    while True:
        history = tensor._keras_history  # noqa: SLF001 (how Keras itself walks a graph)
        layer = history.operation
        if isinstance(layer, keras.layers.InputLayer):
            return found[::-1]
        node = layer._inbound_nodes[history.node_index]  # noqa: SLF001
        told = {name: value for name, value in node.arguments.kwargs.items() if value is not None}
        if not isinstance(layer, keras.layers.Layer) or len(node.input_tensors) != 1 or told:
            return None
        found.append(layer)
        tensor = node.input_tensors[0]


def _check_shapes(model: keras.Model, shape: tuple[int, ...], *, where: Path) -> tuple[int, ...]:
    """Return the shape that images must be given for the model, () where it is their own.

    Raises
    ------
    InputError
        If the model does not take such images, or does not give one logit a class.
    """
    counts = [len(getattr(model, part, None) or []) for part in ("inputs", "outputs")]
    if counts != [1, 1]:
        raise InputError(f"{where}: expected a model of one input and one output, got {counts[0]} and {counts[1]}")
    takes, gives = tuple(model.inputs[0].shape)[1:], tuple(model.outputs[0].shape)[1:]
    if len(gives) != 1 or gives[0] is None or gives[0] < 2:  # noqa: PLR2004 (to choose between)
        raise InputError(
            f"{where}: expected an output for each of two classes at least, (n, classes), got (n, {_said(gives)})"
        )
    if _fits(takes, shape):
        return ()
    if takes in {shape[:-1], (int(np.prod(shape)),)} and shape[-1] == 1:
        return tuple(int(size) for size in takes)
    raise InputError(
        f"{where}: the model expects images of shape ({_said(takes)}), the data has ({_said(shape)})"
        + _hint(takes, shape)
    )


def _hint(takes: tuple[int | None, ...], shape: tuple[int, ...]) -> str:
    if len(takes) != _IMAGE_AXES:
        return ""
    if _fits(takes, (shape[-1], *shape[:-1])):
        return "; the model has channels first: TensorFlow on a CPU needs them last"
    if _fits(takes, (*shape[1:], shape[0])):
        return "; the data has channels first: numpy.moveaxis(images, 1, -1) puts them last"
    return ""


def _fits(takes: tuple[int | None, ...], shape: tuple[int, ...]) -> bool:
    return len(takes) == len(shape) and all(size in {None, given} for size, given in zip(takes, shape, strict=True))


def _said(shape: tuple[int | None, ...]) -> str:
    return ", ".join("any" if size is None else str(size) for size in shape)


def _refuse_foreign(path: Path) -> None:
    """Raise `InputError` unless the file is a Keras archive that names nothing but what Keras brings.

    Keras' safe mode refuses code too; this says which, and needs no class to be looked up for it.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a model saved as .keras")
    names: list[str] = []
    config: Any = None
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, RuntimeError, NotImplementedError, zipfile.LargeZipFile):
        pass
    if path.suffix in _TORCH or any(name.endswith("data.pkl") for name in names):
        raise InputError(f"{path}: a PyTorch file; expected a Keras model saved as .keras")
    if config is None or path.suffix != ".keras":
        raise InputError(f"{path}: not a Keras 3 model; expected a file that model.save('my.keras') wrote")
    for said in _named(config):
        module, name = str(said.get("module")), str(said["class_name"])
        if name in {"Lambda", "__lambda__"}:
            raise InputError(
                f"{path}: has a Lambda layer, code of its own that is not run; use layers of Keras instead"
            )
        if module != "builtins" and module.partition(".")[0] != "keras":
            known = str(said.get("registered_name") or name)
            raise InputError(
                f"{path}: has a custom object, {known}, whose code is not in the file; use layers of Keras instead"
            )


def _named(config: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 (whatever JSON holds)
    """Yield every object of a configuration that names its class."""
    if isinstance(config, dict):
        if isinstance(config.get("class_name"), str) and (
            "module" in config or "lambda" in config["class_name"].lower()
        ):
            yield config
        for value in config.values():
            yield from _named(value)
    elif isinstance(config, list):
        for value in config:
            yield from _named(value)
