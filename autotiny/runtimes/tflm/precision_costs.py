"""Which precisions TFLM's kernels take, and what they save, before anything is lowered."""

import math
from collections.abc import Mapping

from autotiny.networks.graph import Network
from autotiny.networks.layers import Conv2D, Dense, DepthwiseConv2D, WeightLayer
from autotiny.networks.precision import LayerPrecision
from autotiny.runtimes._base import PrecisionCosts, Target
from autotiny.runtimes.tflm.cmsis_nn import extension
from autotiny.runtimes.tflm.code_size import runtime_bytes
from autotiny.runtimes.tflm.encodings import HEADER_BYTES
from autotiny.runtimes.tflm.rewrite import decode_overhead_bytes
from autotiny.runtimes.tflm.versions import has_feature

#: A 16-bit layer between 8-bit ones: two QUANTIZE operators and their tensors.
_REQUANTISE_OVERHEAD_BYTES = 160
_OPERATORS: dict[type, str] = {
    Conv2D: "CONV_2D",
    DepthwiseConv2D: "DEPTHWISE_CONV_2D",
    Dense: "FULLY_CONNECTED",
}
_UNIFORM_INT4 = LayerPrecision(weight_bits=4)
_WIDE_ACTIVATIONS = LayerPrecision(activation_bits=16)
_CLUSTERED = tuple(LayerPrecision(weight_bits=bits, clustered=True) for bits in (4, 3, 2, 1))


def precision_costs(
    network: Network, target: Target, zeros: Mapping[str, int] | None = None
) -> PrecisionCosts:
    """Return the precisions of every layer on a target.

    16-bit activations go with 8-bit weights only, and packed 4-bit weights with convolutions and
    per-tensor dense layers only: nothing else is accepted by TFLM's kernels. Below 4 bits, weights
    are clustered and stored behind DECODE.

    Pruned kernels are stored as a bit mask and values behind the same operator: with it, a pruned
    layer has to be lowered only if that beats its mask and values.

    Args:
        network: Layers in order.
        target: What they will run on.
        zeros: How many weights of a kernel are zero, by array name.
    """
    shapes = network.weight_shapes()
    outputs = {layer.name: after[-1] for layer, _, after in network.walk()}

    def options(layer: WeightLayer) -> list[LayerPrecision]:
        legal = [_WIDE_ACTIVATIONS]
        if has_feature(target, "int4") and not isinstance(layer, DepthwiseConv2D):
            legal.append(_UNIFORM_INT4)
        if has_feature(target, "decode") and not (
            isinstance(layer, Dense) and _reads_weights_early(target)
        ):
            legal += _CLUSTERED
        return legal

    masked = _masked_bytes(network, target, zeros or {})

    def layer_bytes(layer: str, precision: LayerPrecision, parts: frozenset[str]) -> int:
        name = f"{layer}/kernel"
        shape = shapes[name]
        size = math.ceil(math.prod(shape) * precision.weight_bits / 8)
        if precision.clustered:
            size += _decode_bytes() + 2**precision.weight_bits
        if "DECODE" in parts:
            size = min(size, masked.get(name, size))
        if not precision.clustered:
            size += 4 * (outputs[layer] if len(shape) == 4 else 1)  # a scale a channel
        if precision.activation_bits == 16:
            size += _REQUANTISE_OVERHEAD_BYTES + 4 * outputs[layer]  # biases have 64 bits
        return size

    def needs(precision: LayerPrecision) -> frozenset[str]:
        parts = {"DECODE": precision.clustered, "QUANTIZE": precision.activation_bits == 16}
        return frozenset(part for part, needed in parts.items() if needed)

    return PrecisionCosts(
        options={layer.name: options(layer) for layer in network.weight_layers},
        layer_bytes=layer_bytes,
        code_bytes=_code_bytes(network, target),
        needs=needs,
    )


def _masked_bytes(network: Network, target: Target, zeros: Mapping[str, int]) -> dict[str, int]:
    """Return the bytes of each kernel that is smaller as a bit mask and values."""
    shapes, sizes = network.weight_shapes(), {}
    for layer in network.weight_layers:
        name = f"{layer.name}/kernel"
        if not has_feature(target, "decode") or (
            isinstance(layer, Dense) and _reads_weights_early(target)
        ):
            continue
        count = math.prod(shapes[name])
        size = math.ceil(count / 8) + count - zeros.get(name, 0) + _decode_bytes()
        if size < count:
            sizes[name] = size
    return sizes


def _decode_bytes() -> int:
    """Return what a DECODE operator adds to the flatbuffer beside values and tables."""
    return decode_overhead_bytes() + HEADER_BYTES


def _reads_weights_early(target: Target) -> bool:
    """Whether dense kernels read weights before DECODE has run; see ``storage_rules``."""
    return target.kernels == "cmsis-nn" and extension(target.core) == "mve"


def _code_bytes(network: Network, target: Target) -> dict[str, int]:
    """Return what DECODE, if there is one, and QUANTIZE add to the code needed anyway."""
    kinds = {_OPERATORS[type(layer)] for layer in network.weight_layers}
    base = runtime_bytes(kinds, target)
    parts = {"QUANTIZE": "QUANTIZE"}
    if has_feature(target, "decode"):
        parts["DECODE"] = "TFLM_DECODE"
    return {part: runtime_bytes(kinds | {name}, target) - base for part, name in parts.items()}
