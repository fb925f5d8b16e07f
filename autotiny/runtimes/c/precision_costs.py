"""Which precisions the C runtime has, and what they take, before anything is lowered."""

import math
from collections.abc import Mapping

from autotiny.networks.graph import Network
from autotiny.networks.layers import DepthwiseConv2D, WeightLayer
from autotiny.networks.precision import LayerPrecision
from autotiny.runtimes._base import Optimise, PrecisionCosts
from autotiny.runtimes.c.encoding import FUNCTION_BYTES

#: Sums of 16-bit activations and what changes the bits of activations, as functions; and what the
#: latter hold for a layer between others.
_WIDE_BYTES, _REQUANTISE_BYTES = 340, 40
_WIDE = LayerPrecision(activation_bits=16)
_UNIFORM_INT4 = LayerPrecision(weight_bits=4)
_CLUSTERED = tuple(LayerPrecision(weight_bits=bits, clustered=True) for bits in (4, 3, 2, 1))


def precision_costs(
    network: Network, zeros: Mapping[str, int], optimise: Optimise = "size"
) -> PrecisionCosts:
    """Return the precisions of every layer.

    Every layer may have 16-bit activations, 4-bit weights, and few values by code and table; a
    pruned layer is stored as mask and values where that is smaller. Each way to store weights
    takes one function. Forms that are fast read dense weights and activations of a byte only.

    Args:
        network: Layers in order.
        zeros: How many weights of a kernel are zero, by array name.
        optimise: What the code is made for.
    """
    shapes = network.weight_shapes()

    def options(layer: WeightLayer) -> list[LayerPrecision]:
        if optimise != "size":
            return []
        # The quantiser has no 4-bit depthwise kernels; a table of 16 values is as small.
        plain = [_WIDE] if isinstance(layer, DepthwiseConv2D) else [_WIDE, _UNIFORM_INT4]
        return [*plain, *_CLUSTERED]

    def layer_bytes(layer: str, precision: LayerPrecision, parts: frozenset[str]) -> int:
        name = f"{layer}/kernel"
        count = math.prod(shapes[name])
        size = math.ceil(count * precision.weight_bits / 8)
        if precision.clustered:
            size += 2**precision.weight_bits
        if name in zeros:
            size = min(size, math.ceil(count / 8) + count - zeros[name])
        if precision.activation_bits == 16:
            size += _REQUANTISE_BYTES
        return size

    def needs(precision: LayerPrecision) -> frozenset[str]:
        if precision.clustered:
            return frozenset({"table"})
        if precision.activation_bits == 16:
            return frozenset({"wide"})
        return frozenset({"int4"} if precision.weight_bits == 4 else ())

    return PrecisionCosts(
        options={layer.name: options(layer) for layer in network.weight_layers},
        layer_bytes=layer_bytes,
        code_bytes={"wide": _WIDE_BYTES} | {k: FUNCTION_BYTES[k] for k in ("table", "int4")},
        needs=needs,
    )
