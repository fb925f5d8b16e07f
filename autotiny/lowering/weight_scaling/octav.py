"""The clipping of least mean squared error, by Newton's method (Sakr et al. 2022, OCTAV)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.lowering.newton import clipping
from autotiny.lowering.weight_scaling._base import WeightScaling


class Octav(WeightScaling):
    """Noise of rounding and of clipping in balance."""

    name = "octav"

    def bounds(self, magnitudes: NDArray[Any], bits: int) -> NDArray[Any]:
        """Return the fixed point; a row of zeros keeps 0."""
        most = clipping(magnitudes.astype(np.float64), 1 / (2 ** (bits - 1) - 1))
        return most.astype(np.float32)
