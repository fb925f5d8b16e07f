"""The layers of a Keras model as a graph: which layer reads which tensors, nested models unfolded.

Keras 2 (tf_keras) and Keras 3 are read alike and neither is imported: both keep the nodes of a
model's graph by depth, and a node knows its layer and its tensors.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from autotiny.errors import InputError
from autotiny.networks.layers import Shape


class UnsupportedLayerError(InputError):
    """A model holds a layer that no network of ours can have.

    Attributes:
        layer: Its name.
    """

    layer: str = ""


#: What to use instead of what no road leads on the device.
_INSTEAD = {
    "GRU": "TFLM has no operator for it: use LSTM, which `autotiny compress` takes",
    "SimpleRNN": "TFLM has no operator for it: use LSTM, which `autotiny compress` takes",
    "ELU": "TFLM computes it in float only: use ReLU or LeakyReLU",
}


def unsupported(layer: Any, reason: str, remedy: str | None = None) -> UnsupportedLayerError:
    """Return the error for a layer: its name, its class, what is wrong, what to do."""
    kind = type(layer).__name__
    remedy = remedy or _INSTEAD.get(kind, "`autotiny compress` converts the model as it is")
    error = UnsupportedLayerError(
        f"Layer {layer.name!r} ({kind}) must be one that a search can cut, but {reason}; {remedy}."
    )
    error.layer = str(layer.name)
    return error


def is_keras(layer: Any) -> bool:
    """Whether the class comes from Keras itself: a user's subclass may compute anything."""
    return type(layer).__module__.partition(".")[0] in ("keras", "tf_keras")


def fixed_shape(shape: Any, what: str) -> Shape:
    """Return a Keras shape without its batch dimension.

    Raises:
        InputError: If the model has several such tensors, or a dimension is open.
    """
    if isinstance(shape, list) and len(shape) == 1:
        shape = shape[0]
    if not isinstance(shape, tuple) or any(isinstance(part, tuple | list) for part in shape):
        raise InputError(
            f"A Keras model must have exactly one {what}; got shapes {shape}: concatenate them "
            "outside the model, and split them inside if need be."
        )
    if len(shape) < 2 or any(size is None for size in shape[1:]):
        raise InputError(f"A Keras model must have a fixed {what} shape; got {shape}.")
    return tuple(int(size) for size in shape[1:])


Value = TypeVar("Value")


def walk(model: Any, source: Value, read: Callable[[Any, Sequence[Value]], Value]) -> Value:
    """Read a built Sequential or Functional model layer by layer, nested models unfolded.

    Args:
        model: The model.
        source: What stands for its input.
        read: Takes a layer and what stands for its inputs, returns what stands for its output. A
            layer that is used more than once is read each time.

    Raises:
        UnsupportedLayerError: If it is no graph of layers.
        InputError: If it was never built.
    """
    graph = _graph(model)
    inputs = _listed(graph.inputs)
    values = {id(tensor): source for tensor in inputs}
    for node in _nodes(model, graph):
        layer = node.operation if hasattr(node, "operation") else node.layer
        if type(layer).__name__ == "InputLayer":
            continue
        tensors = _listed(node.input_tensors)
        try:
            given = [values[id(tensor)] for tensor in tensors]
        except KeyError:
            raise unsupported(layer, "it reads what no layer of the model gives") from None
        made = _listed(node.outputs)
        if len(made) != 1:
            raise unsupported(layer, f"it gives {len(made)} tensors")
        if _is_model(layer) and len(given) != 1:
            raise unsupported(layer, f"it is a model of {len(given)} inputs inside a model")
        values[id(made[0])] = (
            walk(layer, given[0], read) if _is_model(layer) else read(layer, given)
        )
    outputs = _listed(graph.outputs)
    if len(outputs) != 1:
        raise InputError(
            f"A Keras model must have exactly one output; {model.name!r} has {len(outputs)}."
        )
    return values[id(outputs[0])]


def chain(model: Any) -> list[Any]:
    """Return the layers of a model that is one chain, in order.

    Raises:
        UnsupportedLayerError: If it branches or merges, or uses a layer twice.
        InputError: If it was never built.
    """
    layers: list[Any] = []

    def read(layer: Any, inputs: Sequence[int]) -> int:
        if list(inputs) != [len(layers)]:
            raise unsupported(layer, "the model branches there")
        if any(layer is other for other in layers):
            raise unsupported(layer, "it is used more than once")
        layers.append(layer)
        return len(layers)

    walk(model, 0, read)
    return layers


def _graph(model: Any) -> Any:
    # A Keras 3 Sequential keeps its graph in a Functional model of its own.
    graph = getattr(model, "_functional", None) or model
    if getattr(graph, "_nodes_by_depth", None) is None:
        if not getattr(model, "built", False):
            raise InputError(
                f"A Keras model must be built, with an Input layer of fixed shape; {model.name!r} "
                "is not."
            )
        raise unsupported(model, "a subclassed model does not tell its layers")
    return graph


def _nodes(model: Any, graph: Any) -> Iterator[Any]:
    """Yield the nodes of a model from input to output."""
    by_depth = graph._nodes_by_depth
    if not by_depth:
        raise InputError(
            f"A Keras model must be built, with an Input layer of fixed shape; {model.name!r} "
            "is not."
        )
    for depth in sorted(by_depth, reverse=True):
        yield from by_depth[depth]


def _listed(tensors: Any) -> list[Any]:
    """Return one tensor or a nest of them as a list."""
    if isinstance(tensors, list | tuple):
        return [each for tensor in tensors for each in _listed(tensor)]
    if isinstance(tensors, dict):
        return [each for tensor in tensors.values() for each in _listed(tensor)]
    return [tensors]


def _is_model(layer: Any) -> bool:
    return any(cls.__name__ in ("Model", "Functional") for cls in type(layer).__mro__)
