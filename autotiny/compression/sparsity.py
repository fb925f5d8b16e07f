"""Magnitude pruning: which weights become zero, and when."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from autotiny.networks.graph import Network, Weights
from autotiny.networks.layers import Dense, DepthwiseConv2D

#: Smaller kernels are left alone: a pruned tensor's bit mask, header and DECODE operator would
#: cost more bytes than its zeros save.
PRUNABLE_MIN_WEIGHTS = 512


@dataclass(frozen=True)
class SparsitySchedule:
    """When how many weights are zero, over the steps of one training.

    Attributes:
        final: Sparsity at the end, a fraction 0..1; 0 prunes nothing.
        kind: ``constant``: the final sparsity from ``begin`` on; ``polynomial``: rises from 0 at
            ``begin`` to final at ``end`` (Zhu and Gupta 2017).
        begin: Fraction of all steps at which pruning starts.
        end: Fraction at which the polynomial reaches the final sparsity; what follows is recovery.
        power: Exponent of the polynomial.
        frequency: Steps between two updates of the masks. Besides, they are updated at ``end`` and
            at the very last step, so that the final sparsity is met whatever the frequency.
    """

    final: float = 0.0
    kind: Literal["constant", "polynomial"] = "polynomial"
    begin: float = 0.0
    end: float = 0.6
    power: float = 3.0
    frequency: int = 20

    def steps(self, total: int) -> Any:
        """Return the tfmot pruning schedule for a training of ``total`` steps."""
        import tensorflow_model_optimization as tfmot

        begin = min(round(self.begin * total), total - 1)
        if self.kind == "constant":
            return tfmot.sparsity.keras.ConstantSparsity(self.final, begin, -1, self.frequency)
        end = max(begin + 1, min(round(self.end * total), total - 1))
        return tfmot.sparsity.keras.PolynomialDecay(
            0.0, self.final, begin, end, self.power, self.frequency
        )


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


def kept_count(size: int, sparsity: float) -> int:
    """Return how many of ``size`` weights stay, at least one, as tfmot rounds."""
    return max(1, round(size * (1 - sparsity)))


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
