"""The width multiplier: cut a student out of the base model, best channels first.

What is cut is a unit of channels that belong together (``networks/channels``): all layers that make
one of them lose it, and all that read it lose the matching input.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.channels import Group, NetworkChannels, network_channels
from autotiny.networks.graph import Network, Weights
from autotiny.networks.layers import DepthwiseConv2D, Layer

#: A layer never gets thinner than this.
MIN_CHANNELS = 2


def scaled_channels(channels: int, width: float) -> int:
    """Return how many of ``channels`` a width multiplier keeps."""
    return min(channels, max(MIN_CHANNELS, round(channels * width)))


def scale_network(network: Network, width: float) -> Network:
    """Return the network with every group of channels ``width`` times as large."""
    channels = network_channels(network)
    kept = {
        group.layers: group.units[: scaled_channels(len(group.units), width)]
        for group in channels.groups
    }
    return _thinned(channels, _removed(channels, kept))


def cut(network: Network, weights: Weights, width: float) -> tuple[Network, Weights]:
    """Return the student of a width multiplier: its network, and weights inherited from the base.

    Channels are kept by the L1 norm of their filters with batch norm folded in (Li et al. 2017),
    depthwise filters that follow counting with the channels they belong to.

    Args:
        network: The base model.
        weights: Its trained weights.
        width: Fraction of channels to keep, 0 < width <= 1.
    """
    channels = network_channels(network)
    _, folded = fold_batch_norm(network, weights)
    kept = {}
    for group in channels.groups:
        count = scaled_channels(len(group.units), width)
        best = np.argsort(-_importance(channels, group, folded), kind="stable")[:count]
        kept[group.layers] = tuple(group.units[i] for i in np.sort(best))
    return remove_units(channels, weights, _removed(channels, kept))


def remove_units(
    channels: NetworkChannels, weights: Weights, removed: set[int]
) -> tuple[Network, Weights]:
    """Return the network and its weights without some units.

    Args:
        channels: Of the network.
        weights: Its arrays.
        removed: Units that may go, some of each layer staying.
    """
    student = _thinned(channels, removed)
    staying = channels.staying(removed)
    result: Weights = {}
    for layer, before, _ in channels.network.walk():
        for kind, spec in layer.arrays(*before).items():
            array = weights[f"{layer.name}/{kind}"]
            for place, axis in enumerate(spec.axes):
                if axis is not None:
                    units = _units_along(channels, layer, axis)
                    array = np.take(array, np.flatnonzero(staying[units]), place)
            result[f"{layer.name}/{kind}"] = np.ascontiguousarray(array)
    return student, result


def _units_along(channels: NetworkChannels, layer: Layer, axis: str) -> NDArray[np.intp]:
    return channels.tensors[layer.name] if axis == "out" else channels.inputs_of(layer.name)[0]


def _removed(
    channels: NetworkChannels, kept: Mapping[tuple[str, ...], tuple[int, ...]]
) -> set[int]:
    units = {unit for group in channels.groups for unit in group.units}
    return units.difference(*kept.values())


def _thinned(channels: NetworkChannels, removed: set[int]) -> Network:
    """Return the network without the removed units' channels."""
    network, staying = channels.network, channels.staying(removed)
    layers = []
    for layer in network.layers:
        units = channels.tensors[layer.name]
        count = int(staying[units].sum())
        layers.append(layer if count == len(units) else layer.thinned(count))
    return Network(network.input_shape, tuple(layers))


def _importance(channels: NetworkChannels, group: Group, folded: Weights) -> NDArray[np.float32]:
    """Return how much each unit of a group counts.

    Norms of several layers are added up in units of their layer's mean, so that no layer drowns the
    others.
    """
    norms = [_norms(channels, group, name, folded) for name in group.layers]
    if len(norms) > 1:
        norms = [norm / np.float32(max(float(norm.mean()), 1e-12)) for norm in norms]
    total = np.sum(norms, axis=0, dtype=np.float32)
    for layer in channels.network.layers:
        if isinstance(layer, DepthwiseConv2D):
            total = total * _depthwise_factor(channels, group, layer, folded)
    return np.asarray(total, np.float32)


def _norms(
    channels: NetworkChannels, group: Group, name: str, folded: Weights
) -> NDArray[np.float32]:
    """Return the L1 norm of what a layer adds to each unit."""
    kernel = folded[f"{name}/kernel"]
    filters = np.abs(kernel).reshape(-1, kernel.shape[-1]).sum(axis=0)
    members = channels.members
    indices = [[index for made, index in members[u] if made == name] for u in group.units]
    return np.array([filters[i].sum() if len(i) > 1 else filters[i[0]] for i in indices])


def _depthwise_factor(
    channels: NetworkChannels, group: Group, layer: DepthwiseConv2D, folded: Weights
) -> NDArray[np.float32] | float:
    """Return the norm of each unit's depthwise filters, or 1 where the layer has none of them."""
    units = channels.tensors[layer.inputs[0]]
    if units[0] not in group.units or not np.isin(units, group.units).all():
        return 1.0
    filters = np.abs(folded[f"{layer.name}/kernel"]).sum(axis=(0, 1, 3))
    sums = dict.fromkeys(group.units, np.float32(0))
    for unit, norm in zip(units.tolist(), filters, strict=True):
        sums[unit] += norm
    return np.array(list(sums.values()), np.float32)
