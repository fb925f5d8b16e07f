"""What zeros in one kernel alone cost, measured like sensitivity to bits."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from autotiny.compression.sparsity import magnitude_mask, prunable
from autotiny.compression.sparsity.shares import LEVELS, SparsitySensitivity
from autotiny.networks.graph import Network, Weights


def measure_sparsity(
    network: Network,
    weights: Weights,
    run: Callable[[Network, Weights], NDArray[np.float32]],
    divergence: Callable[[NDArray[np.float32]], float],
    *,
    on_step: Callable[[], None] = lambda: None,
) -> tuple[SparsitySensitivity, ...]:
    """Return the sensitivity of every prunable kernel, pruned by magnitude without fine-tuning.

    Args:
        network: The base model.
        weights: Its trained weights.
        run: Gives a network's outputs on the validation split, ``(n, outputs)``.
        divergence: Of such outputs from the base model's, in the unit of the task's kind.
        on_step: Called after each of ``len(LEVELS)`` measurements a kernel.
    """
    table = []
    for name in prunable(network):
        found, least = [], 0.0
        for level in LEVELS:
            mask = magnitude_mask(weights[name], level)
            pruned = weights | {name: (weights[name] * mask).astype(np.float32)}
            measured = divergence(run(network, pruned))
            least = max(least, measured if math.isfinite(measured) else least)
            found.append(least)
            on_step()
        table.append(SparsitySensitivity(name, tuple(found)))
    return tuple(table)
