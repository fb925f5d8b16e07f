"""The width multiplier: cut a student out of the base model, best channels first.

Removing an output channel removes the matching input of what follows it: through depthwise layers
and pools unchanged, into a dense layer as a block of the flattened plane.
"""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from autotiny.networks.graph import (
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Layer,
    Network,
    WeightLayer,
    Weights,
    fold_batch_norm,
)

#: A layer never gets thinner than this.
MIN_CHANNELS = 2


def scaled_channels(channels: int, width: float) -> int:
    """Return how many of ``channels`` a width multiplier keeps."""
    return min(channels, max(MIN_CHANNELS, round(channels * width)))


def scale_network(network: Network, width: float) -> Network:
    """Return the network with every layer but the last ``width`` times as wide."""
    last = network.weight_layers[-1]

    def scaled(layer: Layer) -> Layer:
        if layer is last:
            return layer
        if isinstance(layer, Conv2D):
            return dataclasses.replace(layer, filters=scaled_channels(layer.filters, width))
        if isinstance(layer, Dense):
            return dataclasses.replace(layer, units=scaled_channels(layer.units, width))
        return layer

    return dataclasses.replace(network, layers=tuple(scaled(layer) for layer in network.layers))


def cut(network: Network, weights: Weights, width: float) -> tuple[Network, Weights]:
    """Return the student of a width multiplier: its network, and weights inherited from the base.

    Channels are kept by the L1 norm of their filters with batch norm folded in (Li et al. 2017),
    a depthwise filter that follows counting with the convolution it belongs to.

    Args:
        network: The base model.
        weights: Its trained weights.
        width: Fraction of channels to keep, 0 < width <= 1.
    """
    student = scale_network(network, width)
    _, folded = fold_batch_norm(network, weights)
    result: Weights = {}
    kept: NDArray[np.intp] = np.arange(network.input_shape[-1])
    pairs = zip(network.walk(), student.layers, strict=True)
    for position, ((layer, before, _), thin) in enumerate(pairs):
        if not isinstance(layer, WeightLayer):
            continue
        inputs = kept
        if isinstance(layer, Dense):
            inputs = _flattened(inputs, before)
        if not isinstance(layer, DepthwiseConv2D):
            followers = network.layers[position + 1 :]
            kept = _best_channels(layer, thin, followers, folded)
        result |= _slice(layer, weights, inputs, kept)
    return student, result


def _flattened(channels: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Return where the kept channels lie in a flattened ``(height, width, channels)`` plane."""
    plane = math.prod(shape[:-1])
    return (np.arange(plane)[:, None] * shape[-1] + channels[None, :]).ravel()


def _best_channels(
    layer: Conv2D | Dense, thin: Layer, followers: tuple[Layer, ...], folded: Weights
) -> NDArray[np.intp]:
    kernel = folded[f"{layer.name}/kernel"]
    importance = np.abs(kernel).reshape(-1, kernel.shape[-1]).sum(axis=0)
    for follower in followers:
        if isinstance(follower, Conv2D | Dense):
            break
        if isinstance(follower, DepthwiseConv2D):
            depthwise = folded[f"{follower.name}/kernel"]
            importance = importance * np.abs(depthwise).sum(axis=(0, 1, 3))
    count = thin.filters if isinstance(thin, Conv2D) else thin.units  # type: ignore[union-attr]
    return np.sort(np.argsort(-importance, kind="stable")[:count])


def _slice(
    layer: WeightLayer, weights: Weights, inputs: NDArray[np.intp], outputs: NDArray[np.intp]
) -> Weights:
    """Return the layer's arrays with only the given input and output channels."""
    kernel = weights[f"{layer.name}/kernel"]
    if isinstance(layer, DepthwiseConv2D):
        outputs = inputs
        kernel = kernel[:, :, inputs, :]
    else:
        kernel = kernel[..., inputs, :][..., outputs]
    sliced: Weights = {f"{layer.name}/kernel": np.ascontiguousarray(kernel)}
    for kind in ("bias", "gamma", "beta", "mean", "variance"):
        if f"{layer.name}/{kind}" in weights:
            sliced[f"{layer.name}/{kind}"] = weights[f"{layer.name}/{kind}"][outputs]
    return sliced
