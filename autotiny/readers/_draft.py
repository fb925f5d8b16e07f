"""A network while a reader writes it, whatever format it reads."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.networks.affine import Affine, affine_arrays
from autotiny.networks.graph import INPUT, Network, Weights
from autotiny.networks.layers import Flatten, Layer, Reshape, Shape, with_inputs

#: What a model does to its last values, which a device has no use for.
Head = Literal["linear", "softmax", "sigmoid"]


@dataclass(frozen=True)
class Value:
    """A tensor as the model that is read sees it.

    Attributes:
        tensor: Its name in our network.
        shape: Its shape in the model, without batch; ours may be another view of the same values.
    """

    tensor: str
    shape: Shape


@dataclass(frozen=True)
class ReadModel:
    """What a reader made of a user's model.

    Attributes:
        network: Its outputs are those before ``head``.
        weights: Its arrays.
        head: What the model does to them.
        notes: Sentences that the user should read: what was dropped, folded or copied.
        reference: What the model itself gives for samples ``(n, *input_shape)``, head included, to
            compare with.
    """

    network: Network
    weights: Weights
    head: Head = "linear"
    notes: tuple[str, ...] = ()
    reference: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None

    def headed(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a network's outputs as the model's head makes them."""
        if self.head == "softmax":
            exponents = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            outputs = exponents / exponents.sum(axis=1, keepdims=True)
        elif self.head == "sigmoid":
            outputs = 0.5 * (1 + np.tanh(0.5 * outputs))
        return np.asarray(outputs, np.float32)


def as_plane(shape: Shape) -> Shape:
    """Return a shape as ours: a signal of (time, channels) is a plane of width 1."""
    return (shape[0], 1, shape[1]) if len(shape) == 2 else shape


class Draft:
    """Layers and weights so far.

    Attributes:
        layers: In topological order.
        weights: Their arrays.
        shapes: Shape of every tensor, as ours.
        notes: For the user.
    """

    def __init__(self, input_shape: Shape) -> None:
        self.input_shape = as_plane(input_shape)
        self.layers: list[Layer] = []
        self.weights: Weights = {}
        self.shapes: dict[str, Shape] = {INPUT: self.input_shape}
        self.notes: list[str] = []

    def free_name(self, name: Any) -> str:
        """Return a safe name, numbered if a layer or the input already has it."""
        safe = re.sub(r"[^A-Za-z0-9_.-]", "_", str(name)).strip("_") or "layer"
        numbered = (safe, *(f"{safe}_{i}" for i in range(1, len(self.shapes) + 1)))
        return next(candidate for candidate in numbered if candidate not in self.shapes)

    def add(self, layer: Layer, *inputs: str, **arrays: NDArray[Any]) -> str:
        """Append a layer with its arrays and return the name of what it gives.

        Raises:
            ValueError: If it cannot take its inputs, or an array has another shape than it needs.
            InputError: If an array is not finite.
        """
        layer = with_inputs(layer, inputs)
        before = [self.shapes[name] for name in inputs]
        shape = layer.output_shape(*before)
        for kind, spec in layer.arrays(*before).items():
            array = np.asarray(arrays[kind], np.float32)
            if array.shape != spec.shape:
                raise ValueError(f"its {kind} has shape {array.shape}, not {spec.shape}")
            if not np.isfinite(array).all():
                raise InputError(
                    f"A trained model's weights must be finite; layer {layer.name!r} holds NaN or "
                    "infinity."
                )
            self.weights[f"{layer.name}/{kind}"] = array
        self.layers.append(layer)
        self.shapes[layer.name] = shape
        return layer.name

    def affine(self, name: str, source: str, scale: Any, shift: Any, *, trained: bool) -> str:
        """Append a scale and shift of the last axis."""
        channels = self.shapes[source][-1]
        both = (np.broadcast_to(np.asarray(v, np.float64), (channels,)) for v in (scale, shift))
        arrays = {k.rpartition("/")[2]: a for k, a in affine_arrays(name, *both).items()}
        return self.add(Affine(name, trained=trained), source, **arrays)

    def as_shape(self, value: Value, shape: Shape) -> str:
        """Return the name of a tensor of exactly that shape of ours, with a view if need be."""
        if self.shapes[value.tensor] == shape:
            return value.tensor
        if len(shape) == 1:
            return self.add(Flatten(self.free_name(f"{value.tensor}_flat")), value.tensor)
        return self.add(Reshape(self.free_name(f"{value.tensor}_view"), shape), value.tensor)

    def plane(self, value: Value) -> str:
        """Return a value as a tensor of (height, width, channels)."""
        return self.as_shape(value, as_plane(value.shape))

    def network(self) -> Network:
        """Return what was written."""
        return Network(self.input_shape, tuple(self.layers))


def size(shape: Shape) -> int:
    """Return the number of values."""
    return math.prod(shape)
