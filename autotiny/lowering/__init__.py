"""From a network and its weights to a quantised .tflite, without TensorFlow in the way.

Float and quantised flatbuffers are written straight from the layers, in milliseconds where
TFLiteConverter takes seconds.
"""

from autotiny.lowering._float_writer import write_float
from autotiny.lowering._quantise import write_quantised
from autotiny.lowering._ranges import Ranges, activation_ranges, input_range, unit_ranges
from autotiny.lowering._stand_in import stand_in
from autotiny.lowering.grids import FREE_GRIDS, Grids
from autotiny.lowering.scales import operator_bits
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.graph import Network, Weights
from autotiny.networks.precision import PrecisionPlan

__all__ = [
    "FREE_GRIDS",
    "Grids",
    "Ranges",
    "activation_ranges",
    "input_range",
    "lower",
    "operator_bits",
    "stand_in",
    "unit_ranges",
    "write_float",
    "write_quantised",
]


def lower(
    network: Network,
    weights: Weights,
    plan: PrecisionPlan,
    ranges: Ranges,
    grids: Grids = FREE_GRIDS,
) -> bytes:
    """Return the quantised .tflite of a network: int8 input and output, batch 1.

    Args:
        network: The network.
        weights: Their arrays; batch norm is folded here.
        plan: Bits per layer.
        ranges: Smallest and largest value of the input and of every layer's output, from
            ``activation_ranges`` or, where only the size matters, ``unit_ranges``.
        grids: How scales are chosen, and those of kernels that were trained on theirs.
    """
    return write_quantised(*fold_batch_norm(network, weights), plan, ranges, grids)
