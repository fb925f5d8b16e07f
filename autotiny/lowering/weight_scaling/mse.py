"""The scale whose integers are closest to the weights, by search (Banner et al. 2019)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.lowering.weight_scaling._base import WeightScaling

#: Shares of the largest magnitude that are tried.
_SHARES = np.linspace(1.0, 0.2, 81)


class LeastError(WeightScaling):
    """Integers that are close to the weights."""

    name = "mse"

    def bounds(self, magnitudes: NDArray[Any], bits: int) -> NDArray[Any]:
        """Return the share of the largest that has the least mean squared error."""
        top = 2 ** (bits - 1) - 1
        largest = magnitudes.max(axis=1)
        best, least = largest, np.full(len(largest), np.inf)
        for share in _SHARES:
            bound = (largest * share).astype(np.float32)
            steps = np.maximum(bound, 1e-12)[:, None] / top
            integers = np.minimum(np.rint(magnitudes / steps), top)
            errors = np.square(integers * steps - magnitudes, dtype=np.float64).sum(axis=1)
            best, least = np.where(errors < least, bound, best), np.minimum(errors, least)
        return np.asarray(best, np.float32)
