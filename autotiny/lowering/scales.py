"""Which scale and zero point every tensor of a network gets.

An operator computes with the bits of its layer's plan. Some give their outputs in their input's
scale, some need all inputs in one scale, some have a scale that is fixed: the tensors that must
share one are found first, and share the range of all of them.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from autotiny.lowering._builder import Scales
from autotiny.lowering._ranges import Ranges
from autotiny.lowering.grids import FREE_GRIDS, Grids
from autotiny.networks.graph import INPUT, Network
from autotiny.networks.layers import (
    Activation,
    Add,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Layer,
    Multiply,
    Pool2D,
    PRelu,
    Reshape,
    Softmax,
    Subtract,
    WeightLayer,
    ZeroPad2D,
)
from autotiny.networks.precision import INT8, PrecisionPlan

#: What the output's scale follows: its own range, the input's scale, or one scale with all inputs.
RULES: Mapping[type[Layer], Literal["own", "input", "all"]] = {
    Conv2D: "own",
    DepthwiseConv2D: "own",
    Dense: "own",
    Add: "own",
    Subtract: "own",
    Multiply: "own",
    Activation: "own",
    PRelu: "own",
    Softmax: "own",
    Pool2D: "input",
    Reshape: "input",
    Flatten: "input",
    ZeroPad2D: "input",
    Concatenate: "all",
}
#: Scales that TFLite's kernels demand, whatever the values.
_FIXED: Mapping[str, Scales] = {
    "sigmoid": Scales((1 / 256,), -128),
    "tanh": Scales((1 / 128,), 0),
    "softmax": Scales((1 / 256,), -128),
}
#: No scale is closer to zero than this range gives.
_LEAST_RANGE = np.float32(1e-9)


def _rule(layer: Layer) -> Literal["own", "input", "all"]:
    # TFLM's RELU6 cuts integers off at those that stand for 0 and 6, and rescales nothing.
    if isinstance(layer, Activation) and layer.function == "relu6":
        return "input"
    return RULES[type(layer)]


def fixed_scale(layer: Layer) -> Scales | None:
    """Return the output scale that an operator demands, if it does."""
    if isinstance(layer, Softmax):
        return _FIXED["softmax"]
    return _FIXED.get(layer.function) if isinstance(layer, Activation) else None


def scale_of(low: float, high: float, bits: int, grids: Grids = FREE_GRIDS) -> Scales:
    """Return the scale of a range: asymmetric around 0 in 8 bits, symmetric in 16.

    As Jacob et al. 2018, section 2.1, in single precision; 0 is always a value.
    """
    smallest, largest = np.minimum(np.float32(low), 0), np.maximum(np.float32(high), 0)
    if bits == 16:
        bound = np.maximum(np.maximum(abs(np.float32(low)), abs(np.float32(high))), _LEAST_RANGE)
        return Scales((float(grids.legal(np.float32(bound / np.float32(32767)))),), 0, 16)
    bound = np.maximum(np.float32(largest - smallest), _LEAST_RANGE)
    scale = grids.legal(np.float32(bound / np.float32(255)))
    return Scales((float(scale),), int(np.rint(np.float32(-128) - np.float32(smallest / scale))))


def moves_values(layer: Layer) -> bool:
    """Whether a layer's outputs are its inputs' values, whose scale they share."""
    return _rule(layer) != "own"


def operator_bits(network: Network, plan: PrecisionPlan) -> dict[str, int]:
    """Return the activation bits that each layer computes with.

    Layers without weights have no plan: those that only move values go on in 16 bits where all
    their inputs have them, all others work in 8.
    """
    bits = {INPUT: 8}
    for layer in network.layers:
        if isinstance(layer, WeightLayer):
            bits[layer.name] = plan.get(layer.name, INT8).activation_bits
        else:
            narrowest = min(bits[name] for name in layer.inputs)
            bits[layer.name] = narrowest if moves_values(layer) else 8
    return bits


class TensorScales:
    """Scale, zero point and bits of the input and of every layer's output.

    Attributes:
        bits: The activation bits that each layer computes with.
        made: How each tensor is made.
        spans: Smallest and largest value of tensors that share a scale, by ``group``.
    """

    def __init__(
        self,
        network: Network,
        plan: PrecisionPlan,
        ranges: Ranges,
        grids: Grids = FREE_GRIDS,
    ) -> None:
        self._grids = grids
        self.bits = operator_bits(network, plan)
        self._fixed = {x.name: s for x in network.layers if (s := fixed_scale(x)) is not None}
        self._roots = {INPUT: INPUT}
        for layer in network.layers:
            self._join(layer)
        self.spans: dict[str, tuple[float, float]] = {}
        for name in self._roots:
            low, high = ranges[name]
            smallest, largest = self.spans.get(self.group(name), (low, high))
            self.spans[self.group(name)] = (min(low, smallest), max(high, largest))
        self.made = {name: self.scales_in(name, self.bits[name]) for name in self._roots}

    def targets(self, layer: Layer) -> list[tuple[str, int]]:
        """Return whose scale each input of an operator has to have, and bits."""
        if _rule(layer) == "all":
            return [(layer.name, self.bits[layer.name])] * len(layer.inputs)
        return [(name, self.bits[layer.name]) for name in layer.inputs]

    def needed(self, layer: Layer) -> list[Scales]:
        """Return what an operator needs each of its inputs in; the writer converts the others."""
        return [self.scales_in(name, bits) for name, bits in self.targets(layer)]

    def narrow(self, name: str) -> Scales:
        """Return the 8-bit scales of a tensor that is made in 16."""
        return self.scales_in(name, 8)

    def _join(self, layer: Layer) -> None:
        """Let a layer's output share the scale of inputs that it must share."""
        self._roots[layer.name] = layer.name
        rule = _rule(layer)
        if rule == "input":
            self._roots[layer.name] = self.group(layer.inputs[0])
        elif rule == "all":
            for root in map(self.group, layer.inputs):
                # A scale that is fixed, or of other bits, has to be converted anyway.
                if root not in self._fixed and self.bits[root] == self.bits[layer.name]:
                    self._roots[root] = self.group(layer.name)

    def group(self, name: str) -> str:
        """Return the tensor that stands for all that share a scale."""
        while self._roots[name] != name:
            name = self._roots[name]
        return name

    def is_fixed(self, name: str, bits: int) -> bool:
        """Return whether a tensor's scale is demanded, whatever its range."""
        return bits == 8 and self.group(name) in self._fixed

    def scales_in(self, name: str, bits: int) -> Scales:
        """Return the scales of a tensor in a number of bits."""
        root = self.group(name)
        if self.is_fixed(name, bits):
            return self._fixed[root]
        return scale_of(*self.spans[root], bits, self._grids)
