"""Unstructured pruning: which weights become zero, when, and in which pattern."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.compression.sparsity._base import Now, SparsitySchedule
from autotiny.compression.sparsity.criteria import CRITERIA
from autotiny.compression.sparsity.patterns import PATTERNS
from autotiny.compression.sparsity.schedules import SCHEDULES, steps_of
from autotiny.compression.sparsity.shares import MODES
from autotiny.networks.graph import Network, Weights
from autotiny.networks.layers import Dense, DepthwiseConv2D

__all__ = [
    "CRITERIA",
    "MODES",
    "PATTERNS",
    "PRUNABLE_MIN_WEIGHTS",
    "SCHEDULES",
    "Now",
    "Pruning",
    "SparsitySchedule",
    "kept_count",
    "magnitude_mask",
    "prunable",
    "prune",
    "steps_of",
    "stored",
    "unstored",
]

#: Smaller kernels are left alone: a pruned tensor's bit mask, header and DECODE operator would
#: cost more bytes than its zeros save.
PRUNABLE_MIN_WEIGHTS = 512


@dataclass(frozen=True)
class Pruning:
    """How a training prunes.

    Attributes:
        schedule: When how many weights are zero.
        criterion: What a weight is worth.
        pattern: Which weights may be zero together.
        shares: Kernel to its own final sparsity, where that is not the schedule's.
    """

    schedule: SparsitySchedule = field(default_factory=SparsitySchedule)
    criterion: str = "magnitude"
    pattern: str = "free"
    shares: Mapping[str, float] = field(default_factory=dict)

    def kept_count(self, name: str, size: int) -> int:
        """Return how many of a kernel's weights stay."""
        final = self.shares.get(name, self.schedule.final)
        return PATTERNS[self.pattern].kept_count(size, final) if final > 0 else size


def prunable(network: Network) -> tuple[str, ...]:
    """Return the kernels that pruning may touch: large ones of convolutions and dense layers."""
    shapes = network.weight_shapes()
    kernels = (
        f"{layer.name}/kernel"
        for layer in network.weight_layers
        if not isinstance(layer, DepthwiseConv2D) and layer is not _classifier(network)
    )
    return tuple(name for name in kernels if np.prod(shapes[name]) >= PRUNABLE_MIN_WEIGHTS)


def _classifier(network: Network) -> Dense | None:
    """A last layer smaller than a tenth of the weights is worth more than the bytes it saves."""
    last = network.weight_layers[-1]
    sizes = {n: int(np.prod(s)) for n, s in network.weight_shapes().items() if n.endswith("kernel")}
    small = sizes[f"{last.name}/kernel"] < 0.1 * sum(sizes.values())
    return last if small and isinstance(last, Dense) else None


def stored(tf: Any, kernel: Any) -> Any:
    """Return a kernel's weights as they are stored, filter by filter: ``(weights,)``.

    Args:
        tf: TensorFlow.
        kernel: Output channels last.
    """
    return tf.reshape(tf.transpose(tf.reshape(kernel, (-1, kernel.shape[-1]))), (-1,))


def unstored(tf: Any, weights: Any, shape: tuple[int, ...]) -> Any:
    """Return what :func:`stored` gave as an array of a kernel's shape again."""
    return tf.reshape(tf.transpose(tf.reshape(weights, (shape[-1], -1))), shape)


def kept_count(size: int, sparsity: float) -> int:
    """Return how many of ``size`` weights stay, at least one, as tfmot rounds."""
    return PATTERNS["free"].kept_count(size, sparsity)


def magnitude_mask(kernel: NDArray[np.float32], sparsity: float) -> NDArray[np.bool_]:
    """Return True for the weights that stay: exactly ``kept_count`` of them, the largest.

    Ties go to the earlier weight, so that the same kernel always gives the same mask.
    """
    keep = kept_count(kernel.size, sparsity)
    order = np.argsort(-np.abs(kernel).ravel(), kind="stable")
    mask = np.zeros(kernel.size, bool)
    mask[order[:keep]] = True
    return mask.reshape(kernel.shape)


def prune(network: Network, weights: Weights, sparsity: float) -> Weights:
    """Return the weights with every prunable kernel at ``sparsity`` in one shot."""
    if sparsity == 0:
        return weights
    pruned = {
        name: (weights[name] * magnitude_mask(weights[name], sparsity)).astype(np.float32)
        for name in prunable(network)
    }
    return weights | pruned
