"""What every handler of a Keras layer needs: the draft, names, activations, arrays."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.networks.layers import Activation, Layer, Shape
from autotiny.readers import _activations
from autotiny.readers._draft import Draft, Head, Value, as_plane
from autotiny.readers._keras_graph import unsupported


@dataclass(frozen=True)
class KerasValue(Value):
    """A tensor of a Keras model.

    Attributes:
        head: Softmax, where that was the last thing done to it.
    """

    head: Head = "linear"


class KerasReader:
    """Writes a draft while the layers of a Keras model are walked."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    def add(
        self, layer: Any, ours: Layer, *inputs: str, shape: Shape | None = None, **arrays: Any
    ) -> KerasValue:
        """Append a layer; its value has Keras's shape where that is not ours."""
        name = self.draft.add(ours, *inputs, **arrays)
        return KerasValue(name, shape or self.draft.shapes[name])

    def name(self, layer: Any, suffix: str = "") -> str:
        """Return a free name for a layer of ours."""
        return self.draft.free_name(f"{layer.name}{suffix}")

    def activated(self, layer: Any, value: KerasValue) -> KerasValue:
        """Append the activation that is an argument of a Keras layer."""
        function = layer.activation
        if function is None:
            return value
        values = array_of(function(_tensor(layer, _activations.PROBE[None])))[0]
        known = _activations.recognised(values)
        if known is None:
            name = getattr(function, "__name__", str(function))
            raise unsupported(
                layer, f"its activation is {name}", _activations.nearest(str(name).lower())
            )
        return self.function(layer, value, known)

    def function(
        self, layer: Any, value: KerasValue, function: _activations.Function
    ) -> KerasValue:
        """Append an activation."""
        if function.name == "linear":
            return value
        if function.name == "softmax":
            if math.prod(value.shape) != value.shape[-1]:
                raise unsupported(layer, "its softmax is not over classes")
            return replace(value, head="softmax")
        ours = Activation(
            self.name(layer, f"_{function.name}"),
            function.name,  # type: ignore[arg-type]
            slope=function.slope,
        )
        return self.add(layer, ours, value.tensor, shape=value.shape)


def array_of(variable: Any) -> NDArray[np.float32]:
    """Return a variable's or tensor's values as float32 of our own."""
    values = variable.numpy() if hasattr(variable, "numpy") else variable
    return np.array(values, np.float32)


def bias_of(bias: Any, channels: int) -> NDArray[np.float32]:
    """Return a bias; a missing one is zero."""
    return np.zeros(channels, np.float32) if bias is None else array_of(bias)


def plane_kernel(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a kernel over time as one over (time, 1)."""
    return kernel[:, None] if kernel.ndim == 3 else kernel


def pair_of(value: Any) -> tuple[int, int]:
    """Return height and width of a window; one over time has width 1."""
    sizes = (value, value) if isinstance(value, int) else tuple(value)
    return (int(sizes[0]), 1) if len(sizes) == 1 else (int(sizes[0]), int(sizes[1]))


def _tensor(layer: Any, array: NDArray[np.float32]) -> Any:
    """Return what the layer's functions take: Keras 3 takes arrays, Keras 2 wants tensors."""
    if not type(layer).__module__.startswith("tf_keras"):
        return array
    import tensorflow as tf  # a Keras 2 model has imported it

    return tf.constant(array)


def shape_of(value: KerasValue, ours: Shape) -> Shape:
    """Return a plane as the model sees it: a signal has no width."""
    return (ours[0], ours[2]) if len(value.shape) == 2 else ours


def by_last_axis(reader: KerasReader, value: KerasValue) -> str:
    """Return a tensor of ours whose last axis is the model's."""
    ours = reader.draft.shapes[value.tensor]
    if ours[-1] == value.shape[-1] and (len(value.shape) > 1 or math.prod(ours[:-1]) == 1):
        return value.tensor
    return reader.draft.as_shape(value, as_plane(value.shape))


#: Reads one layer.
Handler = Callable[[KerasReader, Any, Sequence[KerasValue]], KerasValue]
