"""The clipping of least mean squared error, by Newton's method (Sakr et al. 2022, OCTAV)."""

import numpy as np

from autotiny.lowering.calibration._base import Calibration, Limits, Seen
from autotiny.lowering.newton import clipping


class Octav(Calibration):
    """Noise of rounding and of clipping in balance."""

    name = "octav"

    def limits(self, seen: Seen, bits: int) -> Limits:
        """Return the extremes, cut off at one magnitude."""
        step = 1 / 32767 if bits == 16 else (1 if seen.low >= 0 or seen.high <= 0 else 2) / 255
        most = float(clipping(np.abs(seen.values).astype(np.float64), step))
        return max(seen.low, -most), min(seen.high, most)
