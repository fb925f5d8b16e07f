"""All but the outermost thousandth on either side (Wu et al. 2020, Integer Quantization)."""

import numpy as np

from autotiny.lowering.calibration._base import Calibration, Limits, Seen

#: Per cent of the values on either side that may be cut off.
_CUT = 0.1


class Percentile(Calibration):
    """Values that are not rare."""

    name = "percentile"

    def limits(self, seen: Seen, bits: int) -> Limits:
        """Return the 0.1st and the 99.9th percentile.

        A side that almost no value is on keeps its extreme: a tensor must not lose all of it.
        """
        low, high = np.percentile(seen.values, [_CUT, 100 - _CUT])
        low = seen.low if seen.low < 0 <= low else low
        high = seen.high if high <= 0 < seen.high else high
        return float(low), float(high)
