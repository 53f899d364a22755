"""The graph of a Keras model: its layers where they are a plain sequence, and what it is without a last softmax."""

from robust_digits.runtime import keras


def plain(model: keras.Model) -> keras.Model:
    """Return the model with its one input and output as tensors, which it may keep in lists or by names."""
    return model if isinstance(model, keras.Sequential) else keras.Model(model.inputs[0], model.outputs[0])


def without_softmax(model: keras.Model) -> keras.Model | None:
    """Return the model without the softmax that it ends in, inside whatever model it ends; None if there is none.

    The layers are the model's own, so that it has lost its softmax too.
    """
    if isinstance(model, keras.Sequential):
        *others, last = model.layers
        bare = _bare(last)
        if bare is None:
            return None
        return keras.Sequential([keras.Input(model.input_shape[1:]), *others, *bare])
    history = model.outputs[0]._keras_history  # noqa: SLF001 (how Keras itself walks a graph)
    node = history.operation._inbound_nodes[history.node_index]  # noqa: SLF001
    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(node.input_tensors) != 1:  # before a layer is changed
        return None
    bare = _bare(history.operation)
    if bare is None:
        return None
    outputs = node.input_tensors[0]
    for layer in bare:
        outputs = layer(outputs)
    return keras.Model(model.inputs[0], outputs)


def _bare(layer: keras.layers.Layer) -> list[keras.layers.Layer] | None:
    """Return what a layer does before its softmax, as layers; None if it does not end in one."""
    if isinstance(layer, keras.Model):
        within = without_softmax(layer)
        return None if within is None else [within]
    if type(layer).__name__ == "Softmax":  # the layer, or the operation that keras.ops.softmax leaves in a graph
        return [] if layer.axis in (-1, 1, [-1], [1]) else None
    if getattr(layer, "activation", None) is not keras.activations.softmax:
        return None
    if type(layer) is keras.layers.Activation:
        return []
    layer.activation = keras.activations.linear
    return [layer]


def chain(model: keras.Model) -> list[keras.layers.Layer] | None:
    """Return the layers of a model, and of those inside it, if each does nothing but what the one before hands it."""
    layers = _in_order(model)
    if layers is None:
        return None
    found: list[keras.layers.Layer] = []
    for layer in layers:
        within = chain(layer) if isinstance(layer, keras.Model) else [layer]
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
        single = len(node.input_tensors) == len(node.output_tensors) == 1
        if not isinstance(layer, keras.layers.Layer) or not single or told:
            return None
        found.append(layer)
        tensor = node.input_tensors[0]
