"""The range whose integers have the least mean squared error, by search (Choukroun et al. 2019)."""

from collections.abc import Sequence

import numpy as np

from autotiny.lowering.calibration._base import Calibration, Limits, Seen, rounding_error

#: Shares of a range that are tried: of both ends together, then of each.
_SHARES = np.linspace(1.0, 0.02, 50)


class LeastError(Calibration):
    """Integers that are close to the values."""

    name = "mse"

    def limits(self, seen: Seen, bits: int) -> Limits:
        """Return the best of ranges cut at both ends alike, then at the upper and the lower end."""

        def best(ranges: Sequence[Limits]) -> Limits:
            return min(ranges, key=lambda r: rounding_error(seen.values, r[0], r[1], bits))

        low, high = best([(seen.low * s, seen.high * s) for s in _SHARES])
        low, high = best([(low, high), *((low, seen.high * s) for s in _SHARES)])
        return best([(low, high), *((seen.low * s, high) for s in _SHARES)])
