"""A network as plain data: layer shapes in order, weights by name.

The one description that base-model families produce, the width multiplier cuts, training runs and
lowering writes; none of them needs the others, and only training needs TensorFlow.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Activation = Literal["linear", "relu", "relu6"]
Padding = Literal["same", "valid"]
Shape = tuple[int, ...]
#: Float32 arrays by ``layer/kind``; kinds are kernel, bias, gamma, beta, mean and variance.
Weights = dict[str, NDArray[np.float32]]

#: Batch-norm epsilon, the Keras default; folding and training must use the same.
EPSILON = 1e-3


@dataclass(frozen=True)
class Conv2D:
    """Convolution; kernel array ``(height, width, in, filters)``."""

    name: str
    filters: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: Padding = "same"
    activation: Activation = "relu"
    batch_norm: bool = False


@dataclass(frozen=True)
class DepthwiseConv2D:
    """Depthwise convolution, multiplier 1; kernel array ``(height, width, in, 1)``."""

    name: str
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: Padding = "same"
    activation: Activation = "relu"
    batch_norm: bool = False


@dataclass(frozen=True)
class Dense:
    """Fully connected layer over the flattened input; kernel array ``(in, units)``."""

    name: str
    units: int
    activation: Activation = "linear"
    batch_norm: bool = False


@dataclass(frozen=True)
class Pool2D:
    """Max or average pooling; a size of None pools the whole plane to 1x1."""

    name: str
    kind: Literal["max", "average"]
    size: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    padding: Padding = "valid"


Layer = Conv2D | DepthwiseConv2D | Dense | Pool2D
#: Layers that own weights, and so have a precision and an encoding.
WeightLayer = Conv2D | DepthwiseConv2D | Dense


@dataclass(frozen=True)
class Network:
    """A chain of layers.

    Attributes:
        input_shape: One sample, without the batch dimension.
        layers: In order; names are unique.
    """

    input_shape: Shape
    layers: tuple[Layer, ...]

    def walk(self) -> Iterator[tuple[Layer, Shape, Shape]]:
        """Yield every layer with the shape it takes and the shape it gives."""
        shape = self.input_shape
        for layer in self.layers:
            after = output_shape(layer, shape)
            yield layer, shape, after
            shape = after

    @property
    def output_shape(self) -> Shape:
        """Shape of the last layer's output."""
        return [after for _, _, after in self.walk()][-1]

    @property
    def weight_layers(self) -> tuple[WeightLayer, ...]:
        """The layers that own weights, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, WeightLayer))

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations per sample, pools and activations left out."""
        total = 0
        shapes = self.weight_shapes()
        for layer, _, after in self.walk():
            if isinstance(layer, WeightLayer):
                plane = 1 if isinstance(layer, Dense) else math.prod(after[:2])
                total += plane * math.prod(shapes[f"{layer.name}/kernel"])
        return total

    def weight_shapes(self) -> dict[str, Shape]:
        """Shape of every array in ``Weights``."""
        shapes: dict[str, Shape] = {}
        for layer, before, after in self.walk():
            if not isinstance(layer, WeightLayer):
                continue
            channels = after[-1]
            if isinstance(layer, Conv2D):
                kernel: Shape = (*layer.kernel, before[-1], channels)
            elif isinstance(layer, DepthwiseConv2D):
                kernel = (*layer.kernel, channels, 1)
            else:
                kernel = (math.prod(before), channels)
            shapes[f"{layer.name}/kernel"] = kernel
            kinds = ("gamma", "beta", "mean", "variance") if layer.batch_norm else ("bias",)
            shapes |= {f"{layer.name}/{kind}": (channels,) for kind in kinds}
        return shapes


def output_shape(layer: Layer, shape: Shape) -> Shape:
    """Return the shape that ``layer`` gives for an input ``shape`` (both without batch).

    Raises:
        ValueError: If the layer cannot take that input.
    """
    if isinstance(layer, Dense):
        return (layer.units,)
    if len(shape) != 3:
        raise ValueError(f"{layer.name} needs a (height, width, channels) input; got {shape}.")
    if isinstance(layer, Pool2D):
        size = layer.size or (shape[0], shape[1])
        stride = layer.stride or size
    else:
        size, stride = layer.kernel, layer.stride
    plane = tuple(
        -(-n // s) if layer.padding == "same" else (n - k) // s + 1
        for n, k, s in zip(shape, size, stride, strict=False)
    )
    if min(plane) < 1:
        raise ValueError(f"{layer.name}: a {size} window does not fit an input of {shape}.")
    return (*plane, layer.filters if isinstance(layer, Conv2D) else shape[-1])


def initial_weights(network: Network, seed: int) -> Weights:
    """Return He-initialised weights (He et al. 2015) and neutral batch-norm statistics."""
    rng = np.random.default_rng(seed)
    layers = {layer.name: layer for layer in network.weight_layers}
    weights: Weights = {}
    for name, shape in network.weight_shapes().items():
        layer, _, kind = name.rpartition("/")
        if kind == "kernel":
            depthwise = isinstance(layers[layer], DepthwiseConv2D)
            fan_in = math.prod(shape[:2]) if depthwise else math.prod(shape[:-1])
            weights[name] = rng.normal(0, math.sqrt(2 / fan_in), shape).astype(np.float32)
        else:
            fill = 1.0 if kind in ("gamma", "variance") else 0.0
            weights[name] = np.full(shape, fill, np.float32)
    return weights


def fold_batch_norm(network: Network, weights: Weights) -> tuple[Network, Weights]:
    """Return the same function without batch norm (Jacob et al. 2018, section 3.2).

    A layer without batch norm passes through; folding twice changes nothing.
    """
    folded: Weights = {}
    for layer in network.weight_layers:
        kernel = weights[f"{layer.name}/kernel"]
        if layer.batch_norm:
            gamma, beta, mean, variance = (
                weights[f"{layer.name}/{kind}"] for kind in ("gamma", "beta", "mean", "variance")
            )
            scale = (gamma / np.sqrt(variance + EPSILON)).astype(np.float32)
            per_channel = scale[:, None] if isinstance(layer, DepthwiseConv2D) else scale
            folded[f"{layer.name}/kernel"] = (kernel * per_channel).astype(np.float32)
            folded[f"{layer.name}/bias"] = (beta - mean * scale).astype(np.float32)
        else:
            folded[f"{layer.name}/kernel"] = kernel
            folded[f"{layer.name}/bias"] = weights[f"{layer.name}/bias"]
    layers = (
        dataclasses.replace(layer, batch_norm=False) if isinstance(layer, WeightLayer) else layer
        for layer in network.layers
    )
    return dataclasses.replace(network, layers=tuple(layers)), folded


_LAYERS: dict[str, Any] = {kind.__name__: kind for kind in (Conv2D, DepthwiseConv2D, Dense, Pool2D)}


def network_to_plain(network: Network) -> dict[str, Any]:
    """Return a network as JSON has it."""
    layers = [{"layer": type(x).__name__} | dataclasses.asdict(x) for x in network.layers]
    return {"input_shape": list(network.input_shape), "layers": layers}


def network_from_plain(content: Mapping[str, Any]) -> Network:
    """Return the network that ``network_to_plain`` wrote.

    Raises:
        LookupError, TypeError: If it did not write that.
    """

    def layer(fields: Mapping[str, Any]) -> Layer:
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
        made: Layer = _LAYERS[str(given.pop("layer"))](**given)
        return made

    return Network(tuple(content["input_shape"]), tuple(map(layer, content["layers"])))
