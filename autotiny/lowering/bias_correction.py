"""What rounding weights shifts a layer's sums by on average is taken out of its biases.

Rounded weights are a little too large or too small together; with inputs that are seldom negative
that moves every output of a channel the same way (Nagel et al. 2019, section 4.2; Banner et al.
2019, section 5). The shift is measured on samples: what the difference of the kernels makes of a
layer's inputs in the float model, before the activation. It costs no byte.
"""

import dataclasses
from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from autotiny.lowering._ranges import layer_outputs
from autotiny.lowering.grids import Grids
from autotiny.lowering.kernels import rounded_kernel
from autotiny.networks.graph import INPUT, Network, Weights
from autotiny.networks.layers import WeightLayer
from autotiny.networks.precision import INT8, PrecisionPlan

#: Samples that run at once.
_BATCH = 64


def corrected_biases(
    network: Network,
    weights: Weights,
    stored: Weights,
    plan: PrecisionPlan,
    grids: Grids,
    samples: NDArray[np.float32],
    *,
    skipped: Collection[str] = (),
) -> Weights:
    """Return arrays to lower in place of ``stored``, with other biases.

    Args:
        network: Without batch norm.
        weights: The float model's arrays.
        stored: Those that are lowered: clustered kernels are on their levels.
        plan: Bits per layer.
        grids: How scales are chosen.
        samples: Representative data set, ``(n, *input_shape)``.
        skipped: Layers whose kernels were trained as they are rounded: nothing is off there.
    """
    layers = [layer for layer in network.weight_layers if layer.name not in skipped]
    errors = {
        layer.name: rounded_kernel(layer, stored, plan.get(layer.name, INT8), grids)
        - weights[f"{layer.name}/kernel"]
        for layer in layers
    }
    shifts = {layer.name: np.zeros(weights[f"{layer.name}/bias"].shape) for layer in layers}
    names = [layer.name for layer in network.layers]
    for start in range(0, len(samples), _BATCH):
        batch = samples[start : start + _BATCH]
        values = dict(zip(names, layer_outputs(network, weights, batch), strict=True))
        values[INPUT] = batch
        for layer in layers:
            sums = _sums(layer, values, errors[layer.name])
            shifts[layer.name] += sums.mean(axis=tuple(range(sums.ndim - 1))) * len(batch)
    return stored | {
        f"{name}/bias": (stored[f"{name}/bias"] - shift / len(samples)).astype(np.float32)
        for name, shift in shifts.items()
    }


def _sums(
    layer: WeightLayer, values: Mapping[str, NDArray[np.float32]], kernel: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return what a layer with another kernel, no bias and no activation gives, channels last."""
    inputs = values[layer.inputs[0]]
    alone = dataclasses.replace(layer, inputs=(INPUT,), activation="linear")
    channels = layer.output_shape(inputs.shape[1:])[-1]
    arrays = {
        f"{layer.name}/kernel": kernel,
        f"{layer.name}/bias": np.zeros(channels, np.float32),
    }
    return layer_outputs(Network(inputs.shape[1:], (alone,)), arrays, inputs)[0]
