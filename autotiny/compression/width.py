"""The width multiplier: cut a student out of the base model, best channels first.

What is cut is a unit of channels that belong together (``networks/channels``): all layers that make
one of them lose it, and all that read it lose the matching input.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotiny.compression.importance import IMPORTANCES, Evidence, LayerChannels
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


@dataclass(frozen=True)
class Thinning:
    """How channels are chosen.

    Attributes:
        importance: What a channel is worth.
        scope: ``layer``: each group of channels keeps the same share; ``bytes`` or ``macs``: all
            channels are ranked together, and as many go as make the network no larger, in weights
            or in operations, than it would be with the same share everywhere.
        floor: Ranked together, a group keeps at least this share of what the same share everywhere
            would leave it: a network is no wider than its narrowest layer.
        multiple: Groups keep a multiple of so many channels, where they have as many.
        protect: Layers that keep all of theirs.
    """

    importance: str = "l1"
    scope: str = "layer"
    floor: float = 0.5
    multiple: int = 1
    protect: tuple[str, ...] = ()


SCOPES = ("layer", "bytes", "macs")


def cut(
    network: Network,
    weights: Weights,
    width: float,
    thinning: Thinning = Thinning(),
    *,
    evidence: Evidence | None = None,
    seed: int = 0,
) -> tuple[Network, Weights]:
    """Return the student of a width multiplier: its network, and weights inherited from the base.

    Depthwise filters that follow a layer count with the channels they belong to.

    Args:
        network: The base model.
        weights: Its trained weights.
        width: Fraction of channels to keep, 0 < width <= 1.
        thinning: Which.
        evidence: What was measured of the base model, for importances that read it.
        seed: Of the random one.
    """
    channels = network_channels(network)
    facts = _Facts(channels, weights, thinning.importance, evidence or Evidence(), seed)
    worth = {group.layers: facts.worth(group) for group in channels.groups}
    counts: Counts = {
        group.layers: _rounded(scaled_channels(len(group.units), width), group, thinning)
        for group in channels.groups
    }
    if thinning.scope != "layer" and width < 1:
        counts = _ranked_together(channels, worth, counts, thinning)
    return remove_units(channels, weights, _removed(channels, _best(channels, worth, counts)))


Counts = Mapping[tuple[str, ...], int]
Worth = Mapping[tuple[str, ...], NDArray[np.float32]]


def _best(
    channels: NetworkChannels, worth: Worth, counts: Counts
) -> dict[tuple[str, ...], tuple[int, ...]]:
    """Return the units that each group keeps: so many, those worth most."""
    kept = {}
    for group in channels.groups:
        best = np.argsort(-worth[group.layers], kind="stable")[: counts[group.layers]]
        kept[group.layers] = tuple(group.units[i] for i in np.sort(best))
    return kept


def _rounded(count: int, group: Group, thinning: Thinning) -> int:
    """Return a multiple near a number of channels; all of them if the group is protected."""
    size = len(group.units)
    if set(group.layers) & set(thinning.protect):
        return size
    multiple = thinning.multiple
    return min(size, max(multiple, round(count / multiple) * multiple, min(size, MIN_CHANNELS)))


def _ranked_together(
    channels: NetworkChannels, worth: Worth, uniform: Counts, thinning: Thinning
) -> Counts:
    """Return how many channels each group keeps where all are ranked together.

    Worths of a group are taken relative to its length as a vector (Molchanov et al. 2017). The
    lowest go, as few as make the network no larger than the uniform one is, but no group falls
    below the floor.
    """
    relative = {
        layers: values / max(float(np.linalg.norm(values)), 1e-12)
        for layers, values in worth.items()
    }
    every = np.sort(np.concatenate(list(relative.values())))

    def kept(gone: int) -> Counts:
        limit = every[gone] if gone < every.size else np.inf
        counts = {}
        for group in channels.groups:
            above = int((relative[group.layers] >= limit).sum())
            least = math.ceil(uniform[group.layers] * thinning.floor)
            counts[group.layers] = _rounded(max(MIN_CHANNELS, least, above), group, thinning)
        return counts

    def size(counts: Counts) -> int:
        thin = _thinned(channels, _removed(channels, _best(channels, relative, counts)))
        if thinning.scope == "macs":
            return thin.macs
        return sum(math.prod(shape) for shape in thin.weight_shapes().values())

    most, low, high = size(uniform), 0, every.size
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if size(kept(middle)) <= most else (middle + 1, high)
    return kept(low)


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


class _Facts:
    """What every layer's channels are worth.

    Args:
        channels: Of the base model.
        weights: Its trained weights.
        importance: By what.
        evidence: What was measured of it.
        seed: Of noise.
    """

    def __init__(
        self,
        channels: NetworkChannels,
        weights: Weights,
        importance: str,
        evidence: Evidence,
        seed: int,
    ) -> None:
        _, self._folded = fold_batch_norm(channels.network, weights)
        self._channels, self._weights, self._evidence = channels, weights, evidence
        self._importance = IMPORTANCES[importance]
        self._rng = np.random.default_rng((seed, 2))

    def worth(self, group: Group) -> NDArray[np.float32]:
        """Return what each unit of a group is worth.

        Worths in several layers are added up in units of their layer's mean, so that no layer
        drowns the others.
        """
        worths = [self._of_layer(group, name) for name in group.layers]
        if len(worths) > 1:
            worths = [worth / np.float32(max(float(worth.mean()), 1e-12)) for worth in worths]
        total = np.sum(worths, axis=0, dtype=np.float32)
        if self._importance.of_weights:
            for layer in self._channels.network.layers:
                if isinstance(layer, DepthwiseConv2D):
                    total = total * _depthwise_factor(self._channels, group, layer, self._folded)
        return np.asarray(total, np.float32)

    def _of_layer(self, group: Group, name: str) -> NDArray[np.float32]:
        """Return what a layer adds to each unit."""
        kernel = self._folded[f"{name}/kernel"]
        noise = self._rng.random((kernel.shape[-1],), np.float32)
        facts = LayerChannels(
            name, kernel, self._weights.get(f"{name}/gamma"), self._evidence, noise
        )
        worth = self._importance.scores(facts)
        members = self._channels.members
        indices = [[index for made, index in members[u] if made == name] for u in group.units]
        return np.array([worth[i].sum() if len(i) > 1 else worth[i[0]] for i in indices])


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
