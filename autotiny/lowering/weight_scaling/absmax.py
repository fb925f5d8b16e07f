"""Up to the largest weight: none is cut off (Jacob et al. 2018)."""

from typing import Any

from numpy.typing import NDArray

from autotiny.lowering.weight_scaling._base import WeightScaling


class AbsMax(WeightScaling):
    """All weights."""

    name = "absmax"

    def bounds(self, magnitudes: NDArray[Any], bits: int) -> NDArray[Any]:
        """Return the largest."""
        largest: NDArray[Any] = magnitudes.max(axis=1)
        return largest
