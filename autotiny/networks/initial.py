"""Weights that a training begins with."""

import math

import numpy as np

from autotiny.networks.graph import Network, Weights

#: What arrays begin with that are not drawn.
_FILLS = {"gamma": 1.0, "variance": 1.0, "alpha": 0.25}


def initial_weights(network: Network, seed: int) -> Weights:
    """Return He-initialised weights (He et al. 2015) and neutral batch-norm statistics."""
    rng = np.random.default_rng(seed)
    layers = {layer.name: layer for layer in network.weight_layers}
    weights: Weights = {}
    for name, shape in network.weight_shapes().items():
        layer, _, kind = name.rpartition("/")
        if kind == "kernel":
            spread = math.sqrt(2 / layers[layer].fan_in(shape))
            weights[name] = rng.normal(0, spread, shape).astype(np.float32)
        else:
            weights[name] = np.full(shape, _FILLS.get(kind, 0.0), np.float32)
    return weights
