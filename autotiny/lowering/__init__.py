"""From a network and its weights to a quantised .tflite, without TensorFlow in the way.

A float flatbuffer is written straight from the layers (3 ms where TFLiteConverter takes seconds)
and quantised by ai-edge-quantizer under a per-layer recipe.
"""

from autotiny.lowering._float_writer import write_float
from autotiny.lowering._quantise import Ranges, activation_ranges, quantise, unit_ranges
from autotiny.lowering._stand_in import stand_in
from autotiny.networks.graph import Network, Weights
from autotiny.networks.precision import PrecisionPlan

__all__ = [
    "Ranges",
    "activation_ranges",
    "lower",
    "quantise",
    "stand_in",
    "unit_ranges",
    "write_float",
]


def lower(network: Network, weights: Weights, plan: PrecisionPlan, ranges: Ranges) -> bytes:
    """Return the quantised .tflite of a network: int8 input and output, batch 1.

    Args:
        network: Layers in order.
        weights: Their arrays; batch norm is folded here.
        plan: Bits per layer.
        ranges: Smallest and largest value of the input and of every layer's output, from
            ``activation_ranges`` or, where only the size matters, ``unit_ranges``.
    """
    return quantise(write_float(network, weights), network, plan, ranges)
