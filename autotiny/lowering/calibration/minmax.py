"""From the smallest to the largest value: nothing is cut off (Jacob et al. 2018)."""

from autotiny.lowering.calibration._base import Calibration, Limits, Seen


class MinMax(Calibration):
    """All values."""

    name = "minmax"
    needs_values = False

    def limits(self, seen: Seen, bits: int) -> Limits:
        """Return what was seen."""
        return seen.low, seen.high
