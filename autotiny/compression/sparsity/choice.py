"""From a candidate's hyperparameters to how its training prunes, kernel by kernel."""

from collections.abc import Callable, Sequence

import numpy as np

from autotiny.compression.sparsity import CRITERIA, Pruning, SparsitySchedule, prunable
from autotiny.compression.sparsity.shares import (
    SparsitySensitivity,
    global_shares,
    sensitivity_shares,
)
from autotiny.networks.graph import Network, Weights


def choose_pruning(
    schedule: SparsitySchedule,
    network: Network,
    weights: Weights,
    *,
    criterion: str,
    pattern: str,
    mode: str,
    sensitivity: Sequence[SparsitySensitivity] = (),
    gradients: Callable[[], Weights] | None = None,
    protect: Sequence[str] = (),
    seed: int = 0,
) -> Pruning:
    """Return how a student's training prunes.

    Args:
        schedule: When, and how sparse all prunable kernels are together.
        network: The student without batch norm.
        weights: What it inherits, likewise.
        criterion: What a weight is worth.
        pattern: Which weights may be zero together.
        mode: How zeros are spent over kernels; see ``shares.MODES``.
        sensitivity: For the mode of that name.
        gradients: Gives the gradient of the loss by the weights, for criteria that read it.
        protect: Layers that keep all their weights.
        seed: Of the random criterion.
    """
    safe = {f"{layer}/kernel": 0.0 for layer in protect}
    plain = Pruning(schedule, criterion, pattern, safe)
    names = [name for name in prunable(network) if name not in safe]
    if schedule.final == 0 or not names or mode == "uniform" or pattern == "2:4":
        return plain
    sizes = {name: weights[name].size for name in names}
    if mode == "sensitivity":
        shares = sensitivity_shares(sizes, sensitivity, schedule.final)
        return Pruning(schedule, criterion, pattern, shares | safe)
    part = CRITERIA[criterion]
    found = gradients() if part.needs_gradient and gradients is not None else {}
    rng = np.random.default_rng(seed)
    scores = {
        name: np.asarray(
            part.scores(
                np,
                weights[name],
                found.get(name, np.zeros_like(weights[name])),
                rng.random(weights[name].shape, np.float32),
            )
        )
        for name in names
    }
    shares = global_shares(scores, schedule.final)
    return Pruning(schedule, criterion, pattern, shares | safe)


def zero_counts(pruning: Pruning, network: Network) -> dict[str, int]:
    """Return how many weights of each prunable kernel will be zero; empty if none is pruned."""
    if pruning.schedule.final == 0:
        return {}
    shapes = network.weight_shapes()
    sizes = {name: int(np.prod(shapes[name])) for name in prunable(network)}
    counts = {name: size - pruning.kept_count(name, size) for name, size in sizes.items()}
    return {name: count for name, count in counts.items() if count}
