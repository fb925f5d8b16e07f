"""A network as plain data: a graph of layers, and weights by name.

The one description that families and readers produce, the width multiplier cuts, training runs and
lowering writes; none of them needs the others, and only training needs TensorFlow. Whoever walks a
network goes through ``Network.layers`` in order and looks values up by the names in
``Layer.inputs``: no layer has a "previous" one.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.networks.layers import LAYERS, Layer, Shape, WeightLayer, with_inputs

#: Float32 arrays by ``layer/kind``; kinds are kernel, bias, gamma, beta, mean, variance, alpha.
Weights = dict[str, NDArray[np.float32]]

#: Name of the input tensor; no layer may be called that.
INPUT = "input"


@dataclass(frozen=True)
class Network:
    """A directed acyclic graph of layers with one input and one output.

    Attributes:
        input_shape: One sample, without the batch dimension.
        layers: In topological order: each reads the input or layers before it, and all but the last
            are read. Names are unique. The last layer gives the output.
    """

    input_shape: Shape
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        known = {INPUT}
        for layer in self.layers:
            if layer.name in known:
                raise ValueError(f"layer names must be unique; {layer.name} occurs twice")
            if not layer.inputs or not known.issuperset(layer.inputs):
                raise ValueError(
                    f"layer {layer.name} must read the input or layers before it; it reads "
                    f"{', '.join(layer.inputs) or 'nothing'}"
                )
            known.add(layer.name)
        read = {name for layer in self.layers for name in layer.inputs}
        if unread := [layer.name for layer in self.layers[:-1] if layer.name not in read]:
            raise ValueError(f"every layer but the last must be read; {unread[0]} is not")

    def __getitem__(self, name: str) -> Layer:
        """Return the layer of that name."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Layer]:
        return {layer.name: layer for layer in self.layers}

    @property
    def output(self) -> str:
        """Name of the tensor that the network gives."""
        return self.layers[-1].name if self.layers else INPUT

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Shape of every tensor, without batch.

        Raises:
            ValueError: If a layer cannot take what it reads.
        """
        shapes = {INPUT: self.input_shape}
        for layer in self.layers:
            shapes[layer.name] = layer.output_shape(*(shapes[name] for name in layer.inputs))
        return shapes

    def walk(self) -> Iterator[tuple[Layer, tuple[Shape, ...], Shape]]:
        """Yield every layer with the shapes it takes and the shape it gives."""
        shapes = self.shapes
        for layer in self.layers:
            yield layer, tuple(shapes[name] for name in layer.inputs), shapes[layer.name]

    @property
    def output_shape(self) -> Shape:
        """Shape of the output."""
        return self.shapes[self.output]

    @cached_property
    def consumers(self) -> dict[str, tuple[Layer, ...]]:
        """The layers that read each tensor, in order."""
        return {
            name: tuple(layer for layer in self.layers if name in layer.inputs)
            for name in (INPUT, *self._by_name)
        }

    @property
    def weight_layers(self) -> tuple[WeightLayer, ...]:
        """The layers that have a kernel, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, WeightLayer))

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations per sample, pools and activations left out."""
        return sum(layer.macs(*before) for layer, before, _ in self.walk())

    def weight_shapes(self) -> dict[str, Shape]:
        """Shape of every array in ``Weights``."""
        return {
            f"{layer.name}/{kind}": spec.shape
            for layer, before, _ in self.walk()
            for kind, spec in layer.arrays(*before).items()
        }


def chain(input_shape: Shape, layers: Sequence[Layer]) -> Network:
    """Return a network in which each layer without inputs reads the one written before it."""
    connected: list[Layer] = []
    before = INPUT
    for layer in layers:
        connected.append(layer if layer.inputs else with_inputs(layer, (before,)))
        before = layer.name
    return Network(input_shape, tuple(connected))


def network_to_plain(network: Network) -> dict[str, Any]:
    """Return a network as JSON has it."""
    layers = [{"layer": type(x).__name__} | dataclasses.asdict(x) for x in network.layers]
    return {"input_shape": list(network.input_shape), "layers": layers}


def network_from_plain(content: Mapping[str, Any]) -> Network:
    """Return the network that ``network_to_plain`` wrote, now or before layers named their inputs.

    Raises:
        LookupError, TypeError, ValueError: If it did not write that.
    """

    def layer(fields: Mapping[str, Any]) -> Layer:
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
        }
        return LAYERS[str(given.pop("layer"))](**given)

    return chain(tuple(content["input_shape"]), tuple(map(layer, content["layers"])))
