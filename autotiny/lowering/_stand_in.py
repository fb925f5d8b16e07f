"""Weights and ranges that no trained student packs worse than: its footprint, before training.

Some bytes of a packed model depend on values: a code is shorter where few distinct weights occur, a
scale may be left out where TFLM can derive it, equal vectors are stored once. A stand-in has the
values for which all of that saves least, so the footprint of its image is an upper bound of the
trained one's, by the same code that lowers the trained student:

* kernels take every value of their grid, evenly, so no look-up table is shorter and no code is
  better than a byte each; of a pruned kernel exactly the weights that pruning keeps are not zero;
* biases need four bytes each;
* every scale, zero point, bias and kernel is another one, so nothing is stored once for two;
* outputs are small against products of inputs and weights, where TFLM needs the biases' scales.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from autotiny.lowering._ranges import Ranges
from autotiny.lowering.grids import FREE_GRIDS, Grids
from autotiny.lowering.kernels import kernel_bits, shares_scale
from autotiny.lowering.scales import moves_values, scale_of
from autotiny.networks.graph import INPUT, Network, Weights
from autotiny.networks.layers import ActivatedLayer, PRelu, Shape, WeightLayer
from autotiny.networks.precision import INT8, LayerPrecision, PrecisionPlan

#: Largest output of the first layer: one that no range of samples is likely to equal.
_UNUSUAL = 1.0371
#: More than two bytes hold.
_LONG = 2**15
#: Enough to tell as many layers apart as a network has.
_POSITION_BITS = 10


def stand_in(
    network: Network,
    plan: PrecisionPlan,
    input_range: tuple[float, float],
    zeros: Mapping[str, int],
    grids: Grids = FREE_GRIDS,
    *,
    in_blocks: bool = False,
) -> tuple[Weights, Ranges]:
    """Return weights and activation ranges that stand for any trained ones.

    Args:
        network: The student, without batch norm.
        plan: Bits per layer.
        input_range: Smallest and largest input, which training does not change.
        zeros: How many weights of a kernel will be zero at least, by array name.
        grids: How scales are chosen. What is cut off by them is of no matter here.
        in_blocks: They will be zero by blocks of four, so that empty blocks may be counted on.
    """
    shifts = grids.scale_grid == "power_of_two"
    shapes = network.weight_shapes()
    weights: Weights = {}
    ranges = {INPUT: input_range}
    for position, layer in enumerate(network.layers):
        inputs = [ranges[name] for name in layer.inputs]
        top = _UNUSUAL + position / 64
        if moves_values(layer):
            lows, highs = zip(*inputs, strict=True)
            ranges[layer.name] = (min(lows), max(highs))
            continue
        linear = not isinstance(layer, ActivatedLayer) or layer.activation == "linear"
        low = -(0.5 + position / 64) if linear else 0.0
        if shifts:
            low, top = _power_of_two_range(position, linear=linear)
        ranges[layer.name] = (low, top)
        if isinstance(layer, PRelu):
            name = f"{layer.name}/alpha"
            values = (np.arange(math.prod(shapes[name])) % 127 + 1) / (127 + position)
            values[0] = 1 + position / 64
            weights[name] = values.reshape(shapes[name]).astype(np.float32)
        if not isinstance(layer, WeightLayer):
            continue
        span = _span(inputs[0])
        # Shifts differ between neighbours: what all layers share is not stored for each.
        largest = 254 * (top - low) / span * (1 + position / 64) * 2 ** (position % 3)
        name = f"{layer.name}/kernel"
        axis = layer.channel_axis % len(shapes[name])
        precision = plan.get(layer.name, INT8)
        one_scale = shares_scale(layer, precision, grids)
        if shifts:
            bits = precision.activation_bits
            source, result = (scale_of(*r, bits, grids).scales[0] for r in (inputs[0], (low, top)))
            # The largest weight is at the end of the grid, whose step is a power of two.
            ratio = 2.0 ** (1 + 4 * (position % 4)) * result / source
            largest = ratio * (2 ** (kernel_bits(precision) - 1) - 1)
        steps = _steps(
            shapes[name],
            axis,
            precision,
            zeros.get(name, 0),
            position,
            one_scale=one_scale,
            in_blocks=in_blocks,
        )
        if shifts and not one_scale:
            powers = 2.0 ** (position >> np.arange(shapes[name][axis]) % _POSITION_BITS & 1)
            steps = steps * powers.reshape([-1 if i == axis else 1 for i in range(steps.ndim)])
        weights[name] = (steps * np.float32(largest)).astype(np.float32)
        channels = shapes[f"{layer.name}/bias"][0]
        # Biases in steps of sums: too large for two bytes, which some trained ones would fit.
        inputs_top = 2**precision.activation_bits - 1
        step = span / inputs_top * largest / (2 ** (kernel_bits(precision) - 1) - 1)
        bias = (np.arange(1, channels + 1) + _LONG * (position + 1)) * step
        weights[f"{layer.name}/bias"] = bias.astype(np.float32)
    return weights, ranges


def _power_of_two_range(position: int, *, linear: bool) -> tuple[float, float]:
    """Return the range of a layer's output whose scale is a power of two, another for each layer.

    Exponents are two more than a multiple of four, those of biases three and those of kernels one
    more: no scale of one kind is stored for another.
    """
    step = 2.0 ** (4 * (position % 30) - 22)
    below = 60 + position % 64 if linear else 0
    return -below * step, (255 - below) * step


def _span(limits: tuple[float, float]) -> float:
    return max(limits[1] - limits[0], 1e-6)


def _steps(
    shape: Shape,
    axis: int,
    precision: LayerPrecision,
    zeros: int,
    position: int,
    *,
    one_scale: bool,
    in_blocks: bool,
) -> NDArray[np.float64]:
    """Return a kernel in units of its largest magnitude.

    Args:
        shape: Of the kernel.
        axis: Of its output channels. Each of them takes as many values as it can: a channel may
            have a look-up table of its own, whatever the scales are.
        precision: Its grid.
        zeros: How many weights are zero.
        position: Of the layer; another one gives other values.
        one_scale: Whether all channels share a scale.
        in_blocks: Whether zeros fill blocks of four; else they leave as few empty as can be.
    """
    channels = shape[axis]
    size = math.prod(shape) // channels
    values = _grid(precision, zeros > 0, position)
    grid = values[(np.arange(channels * size) + position) % len(values)].reshape(channels, size)
    order = _order(channels, size, in_blocks)
    apart = position * (4 if in_blocks else 1)  # equal masks would be stored once
    start = max(0, grid.size - zeros - (apart if zeros else 0))
    kept = order[:start]
    if len(np.unique(grid.ravel()[kept])) < min(len(values), start):
        grid.ravel()[kept] = values[(np.arange(start) + position) % len(values)]
    # Each scale's channels reach the end of the grid, so that it maps values to themselves.
    lowest = values[0] if precision.clustered else -1.0
    ends = slice(0, 1) if one_scale else slice(0, channels)
    grid[ends, 0] = np.where((np.arange(channels) + position) % 2, lowest, values[0])[ends]
    # The layer's position in binary, and zeros elsewhere: kernels of one shape and of one or
    # two bits would else be equal and stored once.
    free = np.setdiff1d(np.arange(grid.size), np.arange(channels) * size)[:_POSITION_BITS]
    bits = position >> np.arange(len(free)) & 1
    grid.ravel()[free] = np.where(bits, values[0], values[-1])
    grid.ravel()[order[start : start + zeros]] = 0.0
    rest = [length for place, length in enumerate(shape) if place != axis]
    return np.moveaxis(grid.reshape(channels, *rest), 0, axis)


def _order(channels: int, size: int, in_blocks: bool) -> NDArray[np.intp]:
    """Return the places of a kernel's weights; the last ones are zero, if any are.

    Zeros lie in the last channels: those before have as many distinct values as can be. What a
    channel begins with, which its scale needs, is zero last of all. Of each block of four one
    weight stays as long as that is possible: an encoding that counts on empty blocks would else
    take fewer bytes than it does for trained weights.
    """
    places = np.arange(channels * size)
    begins = places % size == 0
    blocks = places // 4
    if in_blocks:
        broken = np.isin(blocks, blocks[begins]) | (blocks == blocks[-1])
        last = ~broken
    else:
        last = places % 4 != 0
    kinds = (begins, ~begins & ~last, ~begins & last)
    return np.concatenate([places[kind] for kind in kinds])


def _grid(precision: LayerPrecision, has_zero: bool, position: int) -> NDArray[np.float64]:
    """Return every value but 0 that a weight may take, largest magnitudes apart.

    Clustered ones are other values at each position: equal tables would be stored once.
    """
    if precision.clustered:
        count = 2**precision.weight_bits - has_zero
        # An odd count from -1 to 1 would hold 0.
        lowest = -126 if count % 2 == 0 else -110
        return np.linspace(1, (lowest + position % 50) / 127, count)
    top = 2 ** (precision.weight_bits - 1) - 1
    positive = np.arange(1, top + 1) / top
    return np.stack([positive, -positive], axis=1).ravel()
