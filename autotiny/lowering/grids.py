"""Which scales a model's integers may have, beside their bits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Whether each channel of a convolution has a scale, or all share one.
GRANULARITIES = ("channel", "tensor")
#: Any scales, or powers of two: multipliers are then shifts.
SCALE_GRIDS = ("free", "power_of_two")


@dataclass(frozen=True)
class Grids:
    """How scales are chosen.

    Attributes:
        weight_scaling: Name of how far a kernel's integers reach.
        weight_granularity: ``channel`` or ``tensor``, of convolutions; dense layers have one scale.
        scale_grid: ``free`` or ``power_of_two`` (Jain et al. 2020, TQT), of weights and
            activations.
        kernel_scales: Array name of a kernel to the scales it was trained on, ``(channels,)`` or
            ``(1,)``; they take the place of those that would be found.
    """

    weight_scaling: str = "absmax"
    weight_granularity: str = "channel"
    scale_grid: str = "free"
    kernel_scales: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def legal(self, scales: Any) -> Any:
        """Return scales of the grid, none smaller than it was: nothing more is cut off."""
        return power_of_two(scales) if self.scale_grid == "power_of_two" else scales


#: Scales as training and calibration leave them.
FREE_GRIDS = Grids()


def power_of_two(scales: Any) -> Any:
    """Return the next power of two of each, upwards, exactly, as float32."""
    mantissas, exponents = np.frexp(np.asarray(scales, np.float32))
    return np.ldexp(np.float32(1), exponents - (mantissas == 0.5)).astype(np.float32)
