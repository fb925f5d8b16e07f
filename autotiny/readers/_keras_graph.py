"""The layers of a Keras model, in order, for models that are one chain.

Keras 2 (tf_keras) and Keras 3 are read alike and neither is imported: both keep the nodes of a
model's graph by depth, and a model is a chain when every depth holds one node with one parent.
"""

from collections.abc import Iterator
from typing import Any

from autotiny.errors import InputError
from autotiny.networks.layers import Shape


class UnsupportedLayerError(InputError):
    """A Keras model holds a layer that the flatbuffer writer does not know."""


#: Layers that no road leads on the device, and what to use instead.
_INSTEAD = {
    "GRU": "TFLM has no operator for it: use LSTM, which `autotiny compress` takes",
    "SimpleRNN": "TFLM has no operator for it: use LSTM, which `autotiny compress` takes",
    "ELU": "TFLM computes it in float only: use ReLU or ReLU6",
}


def unsupported(layer: Any, reason: str) -> UnsupportedLayerError:
    """Return the error for a layer: its name, its class, what is wrong, what to do."""
    kind = type(layer).__name__
    remedy = _INSTEAD.get(kind, "`autotiny compress` converts the model as it is")
    return UnsupportedLayerError(
        f"Layer {layer.name!r} ({kind}) must be one that a search can cut, but {reason}; {remedy}."
    )


def is_keras(layer: Any) -> bool:
    """Whether the class comes from Keras itself: a user's subclass may compute anything."""
    return type(layer).__module__.partition(".")[0] in ("keras", "tf_keras")


def fixed_shape(shape: Any, what: str) -> Shape:
    """Return a Keras shape without its batch dimension.

    Raises:
        InputError: If the model has several such tensors, or a dimension is open.
    """
    if not isinstance(shape, tuple) or any(isinstance(part, tuple | list) for part in shape):
        raise InputError(
            f"A Keras model must have exactly one {what}; got shapes {shape}: concatenate them "
            "outside the model, and split them inside if need be."
        )
    if len(shape) < 2 or any(size is None for size in shape[1:]):
        raise InputError(f"A Keras model must have a fixed {what} shape; got {shape}.")
    return tuple(int(size) for size in shape[1:])


def chain(model: Any) -> Iterator[Any]:
    """Yield the layers of a built Sequential or linear Functional model, nested models unfolded.

    Raises:
        UnsupportedLayerError: If the model branches, merges, or is no graph of layers.
        InputError: If it was never built.
    """
    seen: set[int] = set()
    for layer in _unfold(model):
        if id(layer) in seen:
            raise unsupported(layer, "it is used more than once")
        seen.add(id(layer))
        yield layer


def _unfold(model: Any) -> Iterator[Any]:
    for node in _nodes(model):
        layer = node.operation if hasattr(node, "operation") else node.layer
        if len(node.parent_nodes) > 1:
            raise unsupported(layer, f"it joins {len(node.parent_nodes)} tensors")
        if _is_model(layer):
            yield from _unfold(layer)
        else:
            yield layer


def _nodes(model: Any) -> Iterator[Any]:
    """Yield the nodes of a model from input to output, checking that there is one at a time."""
    # A Keras 3 Sequential keeps its graph in a Functional model of its own.
    graph = getattr(model, "_functional", None) or model
    by_depth = getattr(graph, "_nodes_by_depth", None)
    if by_depth is None and not getattr(model, "built", False):
        raise InputError(
            f"A Keras model must be built, with an Input layer of fixed shape; {model.name!r} "
            "is not."
        )
    if by_depth is None:
        raise unsupported(model, "a subclassed model does not tell its layers")
    for depth in sorted(by_depth, reverse=True):
        nodes = by_depth[depth]
        if len(nodes) > 1:
            layers = [
                node.operation if hasattr(node, "operation") else node.layer for node in nodes
            ]
            names = " and ".join(repr(layer.name) for layer in layers)
            raise unsupported(layers[-1], f"the model branches into {names}")
        yield nodes[0]


def _is_model(layer: Any) -> bool:
    return any(cls.__name__ in ("Model", "Functional") for cls in type(layer).__mro__)
