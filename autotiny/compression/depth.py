"""The depth multiplier: leave out whole blocks of the base model, the least important first.

Which those are is measured once per study: each block alone is skipped in the trained base model,
and what that costs on validation data is its importance (as in layer dropping, e.g. Wu et al. 2018,
BlockDrop, and Elkerdawy et al. 2020).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotiny.networks.blocks import Block, removable_blocks, without_blocks
from autotiny.networks.graph import Network, Weights


@dataclass(frozen=True)
class BlockCost:
    """What skipping one block of the trained base model costs, before any training.

    Attributes:
        block: Name of the tensor that the block gives.
        divergence: Of the outputs from the base model's, on validation data, in the task's unit.
        score_loss: Validation score of the base model minus that without this block alone.
        joint_score_loss: The same without this block and all that go before it.
    """

    block: str
    divergence: float
    score_loss: float
    joint_score_loss: float


def measure_blocks(
    network: Network,
    weights: Weights,
    run: Callable[[Network, Weights], NDArray[np.float32]],
    judge: Callable[[NDArray[np.float32]], tuple[float, float]],
    *,
    on_step: Callable[[], None] = lambda: None,
) -> tuple[BlockCost, ...]:
    """Return the cost of every removable block, the one that goes first at the front.

    Args:
        network: The base model.
        weights: Its trained weights.
        run: Gives a network's outputs on the validation split, ``(n, outputs)``.
        judge: Gives divergence and loss of score of such outputs against the base model's.
        on_step: Called after each of two measurements a block.
    """
    blocks = removable_blocks(network)

    def measure(gone: Sequence[Block]) -> tuple[float, float]:
        judged = judge(run(*without_blocks(network, weights, gone)))
        on_step()
        return judged

    alone = [measure([block]) for block in blocks]
    # Of two that cost the same the later one goes first.
    order = sorted(range(len(blocks)), key=lambda place: (alone[place][0], -place))
    joint = [measure([blocks[p] for p in order[: count + 1]])[1] for count in range(len(order))]
    return tuple(
        BlockCost(blocks[place].output, *alone[place], together)
        for place, together in zip(order, joint, strict=True)
    )


def kept_blocks(count: int, depth: float) -> int:
    """Return how many of ``count`` removable blocks a depth multiplier keeps."""
    return round(count * depth)


def shorten(
    network: Network, weights: Weights, costs: Sequence[BlockCost], depth: float
) -> tuple[Network, Weights]:
    """Return the network of a depth multiplier, and the weights that stay.

    Args:
        network: The base model.
        weights: Its trained weights.
        costs: Of all its removable blocks, the one that goes first at the front.
        depth: Fraction of the removable blocks to keep, 0..1.
    """
    if depth >= 1 or not costs:
        return network, weights
    blocks = {block.output: block for block in removable_blocks(network)}
    gone = costs[: len(costs) - kept_blocks(len(costs), depth)]
    return without_blocks(network, weights, [blocks[row.block] for row in gone])
