"""From a network and its weights to a quantised .tflite, without TensorFlow in the way.

Float and quantised flatbuffers are written straight from the layers, in milliseconds where
TFLiteConverter takes seconds.
"""

from autotiny.lowering._float_writer import write_float
from autotiny.lowering._quantise import write_quantised
from autotiny.lowering._ranges import Ranges, activation_ranges, unit_ranges
from autotiny.lowering._stand_in import stand_in
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.graph import Network, Weights
from autotiny.networks.precision import PrecisionPlan

__all__ = [
    "Ranges",
    "activation_ranges",
    "lower",
    "stand_in",
    "unit_ranges",
    "write_float",
    "write_quantised",
]


def lower(network: Network, weights: Weights, plan: PrecisionPlan, ranges: Ranges) -> bytes:
    """Return the quantised .tflite of a network: int8 input and output, batch 1.

    Args:
        network: The network.
        weights: Their arrays; batch norm is folded here.
        plan: Bits per layer.
        ranges: Smallest and largest value of the input and of every layer's output, from
            ``activation_ranges`` or, where only the size matters, ``unit_ranges``.
    """
    return write_quantised(*fold_batch_norm(network, weights), plan, ranges)
