"""Blocks of a network that can be left out: what lies between two tensors of one shape.

A tensor through which every path from the input to the output goes is a *cut point*. What lies
between two neighbouring cut points of one shape can be skipped, and what remains is a network: a
residual block without a change of shape, an inverted residual, a depthwise separable convolution, a
dense layer between two of its width.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from autotiny.networks.graph import INPUT, Network, Weights
from autotiny.networks.layers import (
    Activation,
    DepthwiseConv2D,
    Layer,
    PRelu,
    WeightLayer,
    ZeroPad2D,
    with_inputs,
)

#: What belongs to the layer before it.
_FOLLOWERS = (Activation, PRelu)
#: What belongs to the layer behind it.
_LEADERS = (DepthwiseConv2D, ZeroPad2D)


@dataclass(frozen=True)
class Block:
    """Layers that can be left out together.

    Attributes:
        source: The tensor that the block reads, and that takes its place.
        layers: Names of its layers, in order; the last gives the block's output.
    """

    source: str
    layers: tuple[str, ...]

    @property
    def output(self) -> str:
        """The tensor that the block gives."""
        return self.layers[-1]


def removable_blocks(network: Network) -> tuple[Block, ...]:
    """Return the blocks that can each be left out, in order.

    The output is never one: a network's last layer says what it is about.
    """
    names = [layer.name for layer in network.layers]
    places = [i for i, name in enumerate(names) if _is_boundary(network, name)]
    blocks = []
    for before, after in itertools.pairwise(places):
        block = Block(names[before], tuple(names[before + 1 : after + 1]))
        layers = [network[name] for name in block.layers]
        same_shape = network.shapes[block.source] == network.shapes[block.output]
        if same_shape and any(isinstance(layer, WeightLayer) for layer in layers):
            blocks.append(block)
    return tuple(block for block in blocks if block.output != network.output)


def _is_boundary(network: Network, name: str) -> bool:
    """Whether a tensor is a cut point at which one block ends and another begins."""
    place = [layer.name for layer in network.layers].index(name)
    later = {x for layer in network.layers[place + 1 :] for x in layer.inputs}
    earlier = {INPUT, *(layer.name for layer in network.layers[:place])}
    if later & earlier or isinstance(network[name], _LEADERS):
        return False
    return not any(isinstance(layer, _FOLLOWERS) for layer in network.consumers[name])


def without_blocks(
    network: Network, weights: Weights, blocks: Sequence[Block]
) -> tuple[Network, Weights]:
    """Return the network without some of its removable blocks, and the weights that stay."""
    gone = {name for block in blocks for name in block.layers}
    instead = {block.output: block.source for block in blocks}

    def source(name: str) -> str:
        while name in instead:
            name = instead[name]
        return name

    layers: list[Layer] = [
        with_inputs(layer, [source(name) for name in layer.inputs])
        for layer in network.layers
        if layer.name not in gone
    ]
    kept = {name: a for name, a in weights.items() if name.rpartition("/")[0] not in gone}
    return Network(network.input_shape, tuple(layers)), kept
