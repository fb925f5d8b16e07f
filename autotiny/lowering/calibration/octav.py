"""The clipping of least mean squared error, by Newton's method (Sakr et al. 2022, OCTAV)."""

import numpy as np

from autotiny.lowering.calibration._base import Calibration, Limits, Seen
from autotiny.lowering.newton import clipping


class Octav(Calibration):
    """Noise of rounding and of clipping in balance."""

    name = "octav"

    def limits(self, seen: Seen, bits: int) -> Limits:
        """Return the extremes, cut off at one magnitude."""
        one_sided = bits == 8 and (seen.low >= 0 or seen.high <= 0)
        magnitudes = np.abs(seen.values).astype(np.float64)
        most = float(clipping(magnitudes, bits, one_sided=one_sided))
        return max(seen.low, -most), min(seen.high, most)
