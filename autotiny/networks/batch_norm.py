"""Batch norm folded into the kernels before it."""

import dataclasses

import numpy as np

from autotiny.networks.graph import Network, Weights
from autotiny.networks.layers import WeightLayer

#: Batch-norm epsilon, the Keras default; folding and training must use the same.
EPSILON = 1e-3


def fold_batch_norm(network: Network, weights: Weights) -> tuple[Network, Weights]:
    """Return the same function without batch norm (Jacob et al. 2018, section 3.2).

    A layer without batch norm passes through; folding twice changes nothing.
    """
    folded = dict(weights)
    for layer in network.weight_layers:
        if not layer.batch_norm:
            continue
        gamma, beta, mean, variance = (
            folded.pop(f"{layer.name}/{kind}") for kind in ("gamma", "beta", "mean", "variance")
        )
        scale = (gamma / np.sqrt(variance + EPSILON)).astype(np.float32)
        kernel = weights[f"{layer.name}/kernel"]
        # A depthwise kernel holds its outputs on its last two axes, in their order.
        outputs = kernel.reshape(*kernel.shape[:2], -1) if layer.channel_axis == 2 else kernel
        folded[f"{layer.name}/kernel"] = (outputs * scale).reshape(kernel.shape).astype(np.float32)
        folded[f"{layer.name}/bias"] = (beta - mean * scale).astype(np.float32)
    layers = (
        dataclasses.replace(layer, batch_norm=False) if isinstance(layer, WeightLayer) else layer
        for layer in network.layers
    )
    return dataclasses.replace(network, layers=tuple(layers)), folded
