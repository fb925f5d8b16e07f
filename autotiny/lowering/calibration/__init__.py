"""Ranges of activations: one file and one line here for each way to find them."""

from autotiny.lowering.calibration._base import Calibration, Limits, Seen, rounding_error
from autotiny.lowering.calibration.minmax import MinMax
from autotiny.lowering.calibration.mse import LeastError
from autotiny.lowering.calibration.octav import Octav
from autotiny.lowering.calibration.percentile import Percentile

#: Every calibration by its name.
CALIBRATIONS: dict[str, Calibration] = {
    calibration.name: calibration for calibration in (MinMax(), Percentile(), LeastError(), Octav())
}

__all__ = ["CALIBRATIONS", "Calibration", "Limits", "Seen", "rounding_error"]
