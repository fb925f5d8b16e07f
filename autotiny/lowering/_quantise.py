"""Write a network as a quantised .tflite, layer by layer under a precision plan.

Weights are symmetric; ``kernels`` says which of them share a scale. Biases have the scales of input
and kernel (Jacob et al. 2018, section 2.4). A tensor that an operator needs otherwise than it is
made goes through a QUANTIZE operator.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from autotiny.lowering._builder import Builder, Scales, batched
from autotiny.lowering._ranges import Ranges
from autotiny.lowering.grids import FREE_GRIDS, Grids
from autotiny.lowering.kernels import LEAST_BOUND, kernel_bits, kernel_scales, rounded
from autotiny.lowering.operators import Constant, operator_of
from autotiny.lowering.scales import TensorScales
from autotiny.networks.graph import INPUT, Network, Weights
from autotiny.networks.layers import Layer
from autotiny.networks.precision import INT8, LayerPrecision, PrecisionPlan


def write_quantised(
    network: Network,
    weights: Weights,
    plan: PrecisionPlan,
    ranges: Ranges,
    grids: Grids = FREE_GRIDS,
) -> bytes:
    """Return the quantised .tflite: int8 input and output, batch 1, one signature.

    Args:
        network: Without batch norm.
        weights: Its arrays.
        plan: Bits per layer.
        ranges: Smallest and largest value of the input and of every layer's output.
        grids: How scales are chosen.
    """
    return _Writer(network, weights, plan, ranges, grids).write()


class _Writer:
    def __init__(
        self,
        network: Network,
        weights: Weights,
        plan: PrecisionPlan,
        ranges: Ranges,
        grids: Grids,
    ) -> None:
        self._network, self._weights, self._plan = network, weights, plan
        self._grids = grids
        self._scales = TensorScales(network, plan, ranges, grids)
        self._builder = Builder()
        self._tensors: dict[tuple[str, Scales], int] = {}

    def write(self) -> bytes:
        network, made = self._network, self._scales.made
        source = self._activation(INPUT, made[INPUT])
        for layer, before, _ in network.walk():
            operator = operator_of(layer, before, self._weights)
            needed = self._scales.needed(layer)
            inputs = [self._as(n, s) for n, s in zip(layer.inputs, needed, strict=True)]
            inputs += self._constants(layer, operator.constants, needed[0])
            output = self._activation(layer.name, made[layer.name])
            self._builder.add_operator(operator.code, inputs, output, operator.options)
        edge = made[network.output]
        target = edge if edge.bits == 8 else self._scales.narrow(network.output)
        return self._builder.finish([source], [self._as(network.output, target)])

    def _activation(self, name: str, scales: Scales, suffix: str = "") -> int:
        shape = batched(self._network.shapes[name])
        tensor = self._builder.add_tensor(f"{name}{suffix}", shape, scales=scales)
        self._tensors[name, scales] = tensor
        return tensor

    def _as(self, name: str, scales: Scales) -> int:
        """Return a tensor under these scales, converted if it is not made so."""
        if (name, scales) in self._tensors:
            return self._tensors[name, scales]
        source = self._tensors[name, self._scales.made[name]]
        suffix = f"/int{scales.bits}_{len(self._tensors)}"
        target = self._activation(name, scales, suffix)
        self._builder.add_operator(schema.BuiltinOperator.QUANTIZE, [source], target, None)
        return target

    def _constants(
        self, layer: Layer, constants: tuple[Constant, ...], source: Scales
    ) -> list[int]:
        added = []
        kernel = Scales((1.0,))
        bias = next((c.values for c in constants if c.role == "bias"), None)
        for constant in constants:
            values, scales = constant.values, None
            if constant.role == "kernel":
                precision = self._plan.get(layer.name, INT8)
                least = None if bias is None else _least_steps(bias, source)
                values, scales = _quantised_kernel(layer, constant, precision, least, self._grids)
                kernel = scales
            elif constant.role == "bias":
                values, scales = _quantised_bias(values, source, kernel)
            elif constant.role == "values":
                scales = Scales((_scale(np.abs(values).max(), 8, self._grids),))
                values = rounded(values, np.float32(scales.scales[0]), 8)
            name = f"{layer.name}/{constant.kind}"
            added.append(self._builder.add_tensor(name, values.shape, values, scales))
        return added


def _quantised_kernel(
    layer: Layer,
    constant: Constant,
    precision: LayerPrecision,
    least: NDArray[Any] | None,
    grids: Grids,
) -> tuple[NDArray[np.int8], Scales]:
    values, axis = constant.values, constant.axis
    rows = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    steps = kernel_scales(layer, rows, precision, grids)
    whole, bits = len(steps) == 1, kernel_bits(precision)
    if least is not None:
        least = np.full(steps.shape, least.max()) if whole else least
        steps = grids.legal(np.where(least > steps, least, steps).astype(np.float32))
    scales = Scales(tuple(steps.tolist()), 0, bits, 0 if whole else axis)
    shape = [1 if place != axis or whole else -1 for place in range(values.ndim)]
    return rounded(values, steps.reshape(shape), bits), scales


def _least_steps(bias: NDArray[np.float32], source: Scales) -> NDArray[Any]:
    """Return the steps of kernels under which biases stay below half of what 32 bits hold.

    Biases have the steps of kernel and input. A channel of weights that are zero, or nearly, would
    have steps so small that its bias is cut off.
    """
    return np.abs(bias.astype(np.float64)) / (float(np.float32(source.scales[0])) * 2**30)


def _quantised_bias(
    values: NDArray[np.float32], source: Scales, kernel: Scales
) -> tuple[NDArray[Any], Scales]:
    steps = np.array(kernel.scales, np.float32) * np.float32(source.scales[0])
    bits = 64 if source.bits == 16 else 32
    whole = np.rint(values / steps).astype(np.float64)
    limit = 2**31 - 1  # also in 64 bits: kernels may add up in 32
    rounded = np.clip(whole, -limit, limit).astype(np.int64 if bits == 64 else np.int32)
    return rounded, Scales(tuple(steps.tolist()), 0, bits)


def _scale(bound: float, bits: int, grids: Grids) -> float:
    least = np.maximum(np.float32(bound), LEAST_BOUND)
    return float(grids.legal(np.float32(least / np.float32(2 ** (bits - 1) - 1))))
