"""Which channels of a network must be cut together.

Every element of a tensor's last axis carries the number of a *channel*. A layer makes new ones or
passes on its inputs' (``Layer.channels``); adding or multiplying two tensors ties theirs one by one
(union-find). What is tied is one *unit*: it stays or goes as a whole. Units that the same layers
make are a *group*: they are ranked against each other, and a width multiplier keeps a share of each
group, so that every layer keeps some of its channels.

The idea of propagating channel rules over the graph is that of DepGraph (Fang et al. 2023) and
PLiNIO (Jahier Pagliari et al. 2023).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from autotiny.networks.graph import INPUT, Network
from autotiny.networks.layers import Channels, flattened


class Ties:
    """Channels of one network, and which of them are one."""

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._fixed: set[int] = set()
        self.makers: list[tuple[str, int]] = []

    def fresh(self, layer: str, count: int) -> Channels:
        """Return new channels that a layer makes."""
        start = len(self._parents)
        self._parents += range(start, start + count)
        self.makers += [(layer, index) for index in range(count)]
        return np.arange(start, start + count)

    def root(self, channel: int) -> int:
        """Return the channel that stands for all that this one is tied to."""
        while self._parents[channel] != channel:
            self._parents[channel] = self._parents[self._parents[channel]]
            channel = self._parents[channel]
        return channel

    def tie(self, first: Channels, second: Channels) -> None:
        """Make each channel one with the one beside it."""
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            low, high = sorted((self.root(a), self.root(b)))
            self._parents[high] = low

    def tie_all(self, channels: Channels) -> None:
        """Make all of them one."""
        self.tie(np.full(len(channels), channels[0]), channels)

    def fix(self, channels: Channels) -> None:
        """Keep them whatever happens."""
        self._fixed.update(channels.tolist())

    @property
    def fixed(self) -> set[int]:
        """The roots of what must stay."""
        return {self.root(channel) for channel in self._fixed}


@dataclass(frozen=True)
class Group:
    """Units that the same layers make.

    Attributes:
        layers: Their names.
        units: The root of each unit, in order.
    """

    layers: tuple[str, ...]
    units: tuple[int, ...]


class NetworkChannels:
    """The channels of every tensor of a network.

    Attributes:
        network: The network.
        tensors: For each tensor the root of each element of its last axis.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        ties = Ties()
        shapes = network.shapes
        tensors = {INPUT: ties.fresh(INPUT, network.input_shape[-1])}
        ties.fix(tensors[INPUT])
        for layer in network.layers:
            inputs = [tensors[name] for name in layer.inputs]
            before = [shapes[name] for name in layer.inputs]
            tensors[layer.name] = layer.channels(ties, inputs, before)
        ties.fix(tensors[network.output])
        self._ties = ties
        self.tensors: dict[str, NDArray[np.intp]] = {
            name: np.array([ties.root(channel) for channel in channels.tolist()], np.intp)
            for name, channels in tensors.items()
        }

    def staying(self, removed: set[int]) -> NDArray[np.bool_]:
        """Return for each unit whether it is left when some are removed."""
        staying = np.ones(len(self._ties.makers), bool)
        staying[list(removed)] = False
        return staying

    @cached_property
    def members(self) -> dict[int, list[tuple[str, int]]]:
        """For each unit the layers that make its channels, each with the index among its own."""
        members: dict[int, list[tuple[str, int]]] = {}
        for channel, made in enumerate(self._ties.makers):
            members.setdefault(self._ties.root(channel), []).append(made)
        return members

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The groups of units that may be cut, in the order of their first layers."""
        fixed = self._ties.fixed
        found: dict[tuple[str, ...], list[int]] = {}
        for unit, made in self.members.items():
            if unit not in fixed:
                found.setdefault(tuple(dict.fromkeys(name for name, _ in made)), []).append(unit)
        return tuple(Group(layers, tuple(units)) for layers, units in found.items())

    def inputs_of(self, layer: str) -> list[NDArray[np.intp]]:
        """Return the unit of each element of a layer's inputs, planes flattened where it does.

        Only an axis that runs over inputs needs them: see ``ArraySpec``.
        """
        node = self.network[layer]
        shapes = [self.network.shapes[name] for name in node.inputs]
        sizes = {
            spec.shape[spec.axes.index("in")]
            for spec in node.arrays(*shapes).values()
            if "in" in spec.axes
        }
        channels = [self.tensors[name] for name in node.inputs]
        if sizes and sizes != {len(channels[0])}:
            channels[0] = flattened(channels[0], shapes[0])
        return channels


@lru_cache(maxsize=8)
def network_channels(network: Network) -> NetworkChannels:
    """Return the channels of a network; a study asks for those of its base model every trial."""
    return NetworkChannels(network)
