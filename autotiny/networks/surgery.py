"""Small changes of a graph that rewrites are made of."""

import dataclasses

from autotiny.networks.graph import Network, Weights
from autotiny.networks.layers import Layer, with_inputs


def producer(network: Network, tensor: str) -> Layer | None:
    """Return the layer that gives a tensor; None for the input."""
    return next((layer for layer in network.layers if layer.name == tensor), None)


def only_consumer(network: Network, tensor: str) -> Layer | None:
    """Return the layer that alone reads a tensor; None if it is the output or has more readers."""
    readers = network.consumers[tensor]
    return readers[0] if len(readers) == 1 and tensor != network.output else None


def replaced(network: Network, layer: Layer) -> Network:
    """Return the network with another layer of the same name."""
    layers = [layer if layer.name == other.name else other for other in network.layers]
    return dataclasses.replace(network, layers=tuple(layers))


def removed(network: Network, weights: Weights, layer: Layer) -> tuple[Network, Weights]:
    """Return the network without a layer, whose readers read its first input instead."""
    source = layer.inputs[0]
    layers = [
        with_inputs(other, [source if name == layer.name else name for name in other.inputs])
        for other in network.layers
        if other.name != layer.name
    ]
    kept = {n: a for n, a in weights.items() if n.rpartition("/")[0] != layer.name}
    return dataclasses.replace(network, layers=tuple(layers)), kept
