"""Kernels as integers: how many share a scale, and what the scale is.

Weights are symmetric: one scale a tensor for dense and clustered kernels, one a channel otherwise,
unless convolutions shall have one, too.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.lowering.grids import Grids
from autotiny.lowering.weight_scaling import WEIGHT_SCALINGS
from autotiny.networks.graph import Weights
from autotiny.networks.layers import Dense, Layer, WeightLayer
from autotiny.networks.precision import LayerPrecision

#: A kernel of zeros still has a scale.
LEAST_BOUND = np.float32(1e-9)


def shares_scale(layer: Layer, precision: LayerPrecision, grids: Grids) -> bool:
    """Return whether all channels of a kernel have one scale.

    Per-tensor dense layers run on every TFLM, and save a scale and 8 B of arena a unit. Clustered
    weights keep few integers only under one scale.
    """
    alike = grids.weight_granularity == "tensor"
    return alike or isinstance(layer, Dense) or precision.clustered


def kernel_bits(precision: LayerPrecision) -> int:
    """Return the bits of a kernel's integers: clustered ones lie on the int8 grid."""
    return 8 if precision.clustered else precision.weight_bits


def kernel_scales(
    layer: Layer, rows: NDArray[np.float32], precision: LayerPrecision, grids: Grids
) -> NDArray[np.float32]:
    """Return the scales of a kernel: ``(channels,)``, or ``(1,)`` where they share one.

    Args:
        layer: Whose kernel it is.
        rows: Its weights by output channel, ``(channels, weights)``.
        precision: Its bits.
        grids: How scales are chosen.
    """
    given = grids.kernel_scales.get(f"{layer.name}/kernel")
    if given is not None:
        return np.asarray(grids.legal(given), np.float32)
    magnitudes = np.abs(rows)
    if shares_scale(layer, precision, grids):
        magnitudes = magnitudes.reshape(1, -1)
    # The levels of a look-up table reach as far as the largest weight: none is to be cut off.
    scaling = WEIGHT_SCALINGS["absmax" if precision.clustered else grids.weight_scaling]
    bits = kernel_bits(precision)
    bounds = np.maximum(scaling.bounds(magnitudes, bits), LEAST_BOUND)
    return np.asarray(grids.legal(bounds / np.float32(2 ** (bits - 1) - 1)), np.float32)


def rounded(values: NDArray[np.float32], steps: Any, bits: int) -> NDArray[np.int8]:
    """Return the nearest integers; 8 bits leave -128 out, as TFLite's kernels assume."""
    largest = 2 ** (bits - 1) - 1
    smallest = -largest if bits == 8 else -largest - 1
    return np.asarray(np.clip(np.rint(values / steps), smallest, largest), np.int8)


def kernel_rows(layer: WeightLayer, kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a kernel's weights by output channel, ``(channels, weights)``.

    Args:
        layer: Whose kernel it is.
        kernel: As training has it; depthwise ones have inputs and multipliers as last axes.
    """
    if layer.channel_axis == 2:
        kernel = kernel.reshape(*kernel.shape[:2], -1)
    return kernel.reshape(-1, kernel.shape[-1]).T


def rounded_kernel(
    layer: WeightLayer, weights: Weights, precision: LayerPrecision, grids: Grids
) -> NDArray[np.float32]:
    """Return a kernel with the values that its integers stand for, in the shape it had."""
    kernel = weights[f"{layer.name}/kernel"]
    rows = kernel_rows(layer, kernel)
    steps = kernel_scales(layer, rows, precision, grids)[:, None]
    found = rounded(rows, steps, kernel_bits(precision)) * steps
    return np.asarray(found.T.reshape(kernel.shape), np.float32)
