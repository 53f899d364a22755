"""A Keras model as steps in order: what each does, and whose values it takes. Models inside the model are unfolded."""

from typing import Any, NamedTuple

from robust_digits.certify.layers import rules
from robust_digits.certify.rules import Call, Moments, Rule, Unbounded
from robust_digits.runtime import keras


class Step(NamedTuple):
    """One rule, and the numbers of the values that it takes: 0 is the image, n what the n-th step gives."""

    rule: Rule
    takes: tuple[int, ...]


def steps(model: keras.Model, moments: Moments | None = None) -> list[Step]:
    """Return what a model does to an image, each step behind those it takes from; the last one gives the answer.

    `moments` are those of batch normalisations, in the place of what they have kept.

    Raises
    ------
    Unbounded
        If the model is not a graph of layers that have rules, from one input to one output.
    """
    found: list[Step] = []
    answer = _unfold(model, 0, found, moments or {})
    if answer != len(found) or not found:
        raise Unbounded("expected an answer from the last layer")
    return found


def _unfold(model: keras.Model, image: int, found: list[Step], moments: Moments) -> int:
    """Add the steps of a model that is shown the value `image`; return the number of its answer."""
    inputs, outputs = (getattr(model, part, None) or [] for part in ("inputs", "outputs"))
    if len(inputs) != 1 or len(outputs) != 1:
        raise Unbounded(f"expected a graph of layers from one input to one output, got {model.name}")
    graph = keras.Model(inputs, outputs)  # a Sequential too
    at = {id(graph.inputs[0]): image}
    for depth in sorted(graph._nodes_by_depth, reverse=True):  # noqa: SLF001 (how Keras itself walks a graph)
        for node in graph._nodes_by_depth[depth]:  # noqa: SLF001
            if node.is_input:
                continue
            takes = tuple(at[id(tensor)] for tensor in node.input_tensors)
            at[id(node.outputs[0])] = _add(node, takes, found, moments)
    return at[id(graph.outputs[0])]


def _add(node: Any, takes: tuple[int, ...], found: list[Step], moments: Moments) -> int:  # noqa: ANN401 (Keras has no types)
    """Add what one layer does where it is called; return the number of what it gives."""
    layer = node.operation
    told = [name for name, value in node.arguments.kwargs.items() if value is not None and value is not False]
    if told:
        raise Unbounded(f"no bounds through {layer.name} ({type(layer).__name__}) called with {', '.join(told)}")
    if isinstance(layer, keras.Model):
        return _unfold(layer, takes[0], found, moments)
    for rule in rules(Call(layer, [tuple(tensor.shape) for tensor in node.input_tensors], moments)):
        found.append(Step(rule, takes))
        takes = (len(found),)
    return takes[0]
