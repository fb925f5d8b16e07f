"""Weights that take few values, and the grid that training rounds them to.

Clustered weights are stored behind a look-up table (Han, Mao and Dean 2016, Deep Compression). Zero
stays a centre where there are zeros, so that pruning and clustering combine. A clustered tensor has
one scale, so that few float values stay few integers.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotiny.networks.graph import Network, Weights
from autotiny.networks.precision import LayerPrecision, PrecisionPlan


@dataclass(frozen=True)
class WeightLevels:
    """The values a kernel's weights may take.

    Attributes:
        levels: Sorted, in units of the largest magnitude, within -1..1.
        per_channel: Whether that magnitude is each output channel's or the whole tensor's.
        clustered: Whether they were found by k-means; otherwise they are a uniform grid.
    """

    levels: NDArray[np.float32]
    per_channel: bool = False
    clustered: bool = False


def cluster_levels(kernel: NDArray[np.float32], bits: int, *, seed: int) -> WeightLevels:
    """Return at most ``2**bits`` values that suit a kernel well, by k-means.

    Args:
        kernel: Weights of any shape; exact zeros stay a level of their own.
        bits: 1..7.
        seed: Of k-means.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    values = (kernel / max(float(np.abs(kernel).max()), 1e-12)).ravel().astype(np.float64)
    nonzero = values[values != 0]
    has_zero = nonzero.size < values.size
    count = 2**bits - has_zero
    centres = np.unique(nonzero)
    if centres.size > count:
        start = np.unique(np.quantile(nonzero, (np.arange(count) + 0.5) / count))
        # Threads would add up partial sums in an order of their own, other bits each time.
        with warnings.catch_warnings(), threadpool_limits(1, user_api="openmp"):
            warnings.simplefilter("ignore", ConvergenceWarning)
            means = KMeans(len(start), init=start[:, None], n_init=1, random_state=seed)
            centres = means.fit(nonzero[:, None]).cluster_centers_.ravel()
    levels = np.append(centres, 0.0) if has_zero else centres
    return WeightLevels(np.unique(levels.astype(np.float32)), clustered=True)


def grid_levels(bits: int, *, per_channel: bool) -> WeightLevels:
    """Return the symmetric uniform grid of ``bits``, without its lowest value (narrow range)."""
    top = 2 ** (bits - 1) - 1
    return WeightLevels((np.arange(-top, top + 1) / top).astype(np.float32), per_channel)


def snap(kernel: NDArray[np.float32], levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round every weight to the nearest level of its tensor; zeros stay zero if 0 is a level."""
    scale = max(float(np.abs(kernel).max()), 1e-12)
    middles = (levels[1:] + levels[:-1]) / 2
    return np.asarray(levels[np.searchsorted(middles, kernel / scale)] * scale, np.float32)


def plan_levels(
    network: Network, weights: Weights, plan: PrecisionPlan, *, seed: int
) -> dict[str, WeightLevels]:
    """Return the levels of every kernel that a plan gives fewer than 8 bits.

    Args:
        network: Layers without batch norm.
        weights: Their arrays.
        plan: Bits per layer.
        seed: Of k-means.
    """
    shapes = network.weight_shapes()

    def levels(name: str, precision: LayerPrecision) -> WeightLevels:
        if precision.clustered:
            return cluster_levels(weights[name], precision.weight_bits, seed=seed)
        return grid_levels(precision.weight_bits, per_channel=len(shapes[name]) == 4)

    return {
        f"{layer}/kernel": levels(f"{layer}/kernel", precision)
        for layer, precision in plan.items()
        if precision.weight_bits < 8
    }


def snap_clustered(weights: Weights, levels: Mapping[str, WeightLevels]) -> Weights:
    """Return the weights with every clustered kernel on its levels.

    Uniform grids are left to the quantiser, which chooses the scale.
    """
    snapped = {
        name: snap(weights[name], level.levels)
        for name, level in levels.items()
        if level.clustered and name in weights
    }
    return weights | snapped
